import { z } from 'zod';
import { lambdaCores } from '../lib/config/compute.ts';
import { ConfigError } from '../lib/errors.ts';

/** The environment of a function, as `process.env` is. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface IntakeSettings {
  readonly outputBucket: string;
  /** The fabric's own first. */
  readonly inputBuckets: readonly string[];
  /** Queue URLs, `bundles` by pipeline. */
  readonly queues: {
    readonly intake: string;
    readonly finalizer: string;
    readonly bundles: Readonly<Record<string, string>>;
  };
  /** Number of receives after which the intake queue gives a message up. */
  readonly maxReceives: number;
}

/** Of what takes the bundles of one pipeline. */
export interface BundleSettings {
  readonly outputBucket: string;
  readonly inputBuckets: readonly string[];
  readonly queues: { readonly bundles: string; readonly deadLetters: string };
  readonly pipeline: string;
  /** The config module's path, relative to the root of the function's code, or to the folder that a worker runs in. */
  readonly config: string;
  /** How many times the queue gives a bundle before it parks it. */
  readonly maxReceives: number;
  /** The parameter that says how many processors there are. @default the pipeline has no governor */
  readonly concurrencyParameter?: string;
}

export interface ProcessorSettings extends BundleSettings {
  readonly cores: number;
}

export interface WorkerSettings extends BundleSettings {
  /** Threads of the engine that take bundles. @default as many as the container has cores */
  readonly workers?: number;
  /** How long the container has from SIGTERM to SIGKILL. */
  readonly stopTimeoutSecs: number;
  /** A bundle whose worker was killed comes again after so long. @default as a consumer has it */
  readonly visibilitySecs?: number;
  /** On 127.0.0.1; 0 is one that the system chooses. @default there is no health endpoint */
  readonly healthPort?: number;
  /** Where the ECS agent is asked to protect the task. @default nobody is asked */
  readonly ecsAgentUri?: string;
}

export interface FinalizerSettings {
  readonly outputBucket: string;
  /** Queue URLs, `deadLetters` by pipeline. */
  readonly queues: { readonly finalizer: string; readonly deadLetters: Readonly<Record<string, string>> };
  /** The name or ARN of the EventBridge bus that is told of ended jobs. @default none is told */
  readonly eventBus?: string;
}

export interface GovernorSettings {
  readonly pipelines: readonly GovernedPipeline[];
}

/** A pipeline with a remote model. */
export interface GovernedPipeline {
  readonly name: string;
  readonly poller: GovernedPoller;
  /** The URL of the queue of its bundles. */
  readonly queue: string;
  /** The parameter that keeps what was decided. */
  readonly parameter: string;
  /** The most runs of its function, or tasks of its service, at once. @default as many as there can be */
  readonly ceiling?: number | undefined;
}

/** What limits how many engines take a pipeline's bundles. */
export type GovernedPoller =
  /** The event source mapping that takes them to a function, by its id. */
  | { readonly kind: 'mapping'; readonly id: string }
  /** The scaling of a service of ECS. */
  | ({ readonly kind: 'service' } & EcsService);

/** By the names of both. */
export interface EcsService {
  readonly cluster: string;
  readonly service: string;
}

/** ECS's own. */
const STOP_TIMEOUT_SECS = 30;
const MAX_PORT = 65_535;

const text = z.string({ error: 'must be set' }).min(1, 'must be set');
const url = z.url('must be the URL of a queue');
const urls = z.record(z.string(), url, 'must be an object of queue URLs by pipeline');
const governedQueue = { queue: url, ceiling: z.number().int().positive().optional() };
const CLUSTER_AND_SERVICE = /^([^/]+)\/([^/]+)$/;
const governed = z.record(
  z.string(),
  z.union(
    [
      z.object({ poller: z.string().min(1), ...governedQueue }),
      z.object({ service: z.string().regex(CLUSTER_AND_SERVICE), ...governedQueue }),
    ],
    'must have a queue, and a poller or a service',
  ),
  'must be an object of pollers and queues by pipeline',
);
const BUCKET_NAMES = 'must be a list of bucket names';
const bucketNames = z.array(z.string().min(1), BUCKET_NAMES).min(1, BUCKET_NAMES);

export function intakeSettings(env: Environment): IntakeSettings {
  return {
    outputBucket: read(env, 'FABRIC_OUTPUT_BUCKET', text),
    inputBuckets: read(env, 'FABRIC_INPUT_BUCKETS', json(bucketNames)),
    queues: read(env, 'FABRIC_QUEUES', json(z.object({ intake: url, finalizer: url, bundles: urls }))),
    maxReceives: read(env, 'FABRIC_MAX_RECEIVES', number),
  };
}

export function processorSettings(env: Environment): ProcessorSettings {
  const memoryMb = read(env, 'AWS_LAMBDA_FUNCTION_MEMORY_SIZE', number);
  return { ...bundleSettings(env), cores: lambdaCores(memoryMb) };
}

export function workerSettings(env: Environment): WorkerSettings {
  const workers = readGiven(env, 'FABRIC_WORKERS', number);
  const visibilitySecs = readGiven(env, 'FABRIC_VISIBILITY_SECS', number);
  const healthPort = readGiven(env, 'FABRIC_HEALTH_PORT', port);
  const ecsAgentUri = env['ECS_AGENT_URI'] ?? '';
  return {
    ...bundleSettings(env),
    stopTimeoutSecs: readGiven(env, 'FABRIC_STOP_TIMEOUT_SECS', number) ?? STOP_TIMEOUT_SECS,
    ...(workers === undefined ? {} : { workers }),
    ...(visibilitySecs === undefined ? {} : { visibilitySecs }),
    ...(healthPort === undefined ? {} : { healthPort }),
    ...(ecsAgentUri === '' ? {} : { ecsAgentUri }),
  };
}

function bundleSettings(env: Environment): BundleSettings {
  const concurrencyParameter = env['FABRIC_CONCURRENCY_PARAMETER'] ?? '';
  return {
    outputBucket: read(env, 'FABRIC_OUTPUT_BUCKET', text),
    inputBuckets: read(env, 'FABRIC_INPUT_BUCKETS', json(bucketNames)),
    queues: read(env, 'FABRIC_QUEUES', json(z.object({ bundles: url, deadLetters: url }))),
    pipeline: read(env, 'FABRIC_PIPELINE', text),
    config: read(env, 'FABRIC_CONFIG', text),
    maxReceives: read(env, 'FABRIC_MAX_RECEIVES', number),
    ...(concurrencyParameter === '' ? {} : { concurrencyParameter }),
  };
}

export function finalizerSettings(env: Environment): FinalizerSettings {
  const eventBus = env['FABRIC_EVENT_BUS'] ?? '';
  return {
    outputBucket: read(env, 'FABRIC_OUTPUT_BUCKET', text),
    queues: read(env, 'FABRIC_QUEUES', json(z.object({ finalizer: url, deadLetters: urls }))),
    ...(eventBus === '' ? {} : { eventBus }),
  };
}

export function governorSettings(env: Environment): GovernorSettings {
  const parameters = read(env, 'FABRIC_PARAMETERS', text);
  const pipelines = Object.entries(read(env, 'FABRIC_GOVERNED', json(governed)));
  return {
    pipelines: pipelines.map(([name, { queue, ceiling, ...limited }]) => ({
      name,
      poller: 'poller' in limited ? { kind: 'mapping', id: limited.poller } : serviceOf(limited.service),
      queue,
      parameter: `${parameters}/${name}`,
      ceiling,
    })),
  };
}

function serviceOf(clusterAndService: string): GovernedPoller {
  const [, cluster = '', service = ''] = CLUSTER_AND_SERVICE.exec(clusterAndService) ?? [];
  return { kind: 'service', cluster, service };
}

const number = text.regex(/^[1-9]\d*$/, 'must be a positive integer').transform(Number);
const port = text
  .regex(/^\d+$/, 'must be a port')
  .transform(Number)
  .refine((port) => port <= MAX_PORT, `must be a port: ${MAX_PORT} at most`);

function json<T extends z.ZodType>(schema: T): z.ZodPipe<z.ZodType, T> {
  const parsed = text.transform((value, context): unknown => {
    try {
      return JSON.parse(value);
    } catch {
      context.addIssue({ code: 'custom', message: 'must be JSON' });
      return z.NEVER;
    }
  });
  return parsed.pipe(schema);
}

/** The same of a variable that may be left out or empty. */
function readGiven<T>(env: Environment, name: string, schema: z.ZodType<T>): T | undefined {
  return env[name] === undefined || env[name] === '' ? undefined : read(env, name, schema);
}

/** @throws ConfigError that names the variable and what is wrong with it, never its value. */
function read<T>(env: Environment, name: string, schema: z.ZodType<T>): T {
  const result = schema.safeParse(env[name]);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = issue?.path.join('.') ?? '';
  throw new ConfigError(
    `the environment variable ${name} is wrong: ${path === '' ? 'it' : `'${path}'`} ${issue?.message ?? 'is wrong'}`,
  );
}
