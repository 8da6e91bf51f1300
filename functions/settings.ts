import { z } from 'zod';
import { lambdaCores } from '../lib/config/compute.ts';
import { ConfigError } from '../lib/errors.ts';
import {
  type BundleSettings,
  type FinalizerSettings,
  type IntakeSettings,
  type TaskSettings,
  VARIABLES,
} from './environment.ts';

/** Environment variables of a function, such as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Settings of a function that processes bundles. */
export interface ProcessorSettings extends BundleSettings {
  /** Whole cores of the function. */
  readonly cores: number;
}

/** Settings of a task that processes bundles. */
export interface WorkerSettings extends BundleSettings, TaskSettings {
  /** Base URL of the ECS agent, which protects the task. @default - the task is not protected */
  readonly ecsAgentUri?: string;
}

/** Settings of the governor, each with its parameter. */
export interface GovernorSettings {
  readonly pipelines: readonly GovernedPipeline[];
}

/** A pipeline with a remote model. */
export interface GovernedPipeline {
  readonly name: string;
  readonly poller: GovernedPoller;
  /** URL of the queue of its bundles. */
  readonly queue: string;
  /** Name of the parameter that stores decisions. */
  readonly parameter: string;
  /** Maximum number of invocations of its function, or tasks of its service. @default - no maximum of the pipeline */
  readonly ceiling?: number | undefined;
}

/** The limit on the engines that process the bundles of a pipeline. */
export type GovernedPoller =
  /** The event source mapping of its function, by id. */
  | { readonly kind: 'mapping'; readonly id: string }
  /** The scaling of its ECS service. */
  | ({ readonly kind: 'service' } & EcsService);

/** Names of an ECS service and its cluster. */
export interface EcsService {
  readonly cluster: string;
  readonly service: string;
}

/** Default of ECS. */
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

/** Reads the settings of intake. @throws ConfigError if a variable is wrong */
export function intakeSettings(env: Environment): IntakeSettings {
  return {
    outputBucket: read(env, VARIABLES.outputBucket, text),
    inputBuckets: read(env, VARIABLES.inputBuckets, json(bucketNames)),
    queues: read(env, VARIABLES.queues, json(z.object({ intake: url, finalizer: url, bundles: urls }))),
    maxReceives: read(env, VARIABLES.maxReceives, number),
  };
}

/** Reads the settings of a function that processes bundles. @throws ConfigError if a variable is wrong */
export function processorSettings(env: Environment): ProcessorSettings {
  const memoryMb = read(env, 'AWS_LAMBDA_FUNCTION_MEMORY_SIZE', number);
  return { ...bundleSettings(env), cores: lambdaCores(memoryMb) };
}

/** Reads the settings of a task that processes bundles. @throws ConfigError if a variable is wrong */
export function workerSettings(env: Environment): WorkerSettings {
  const workers = readOptional(env, VARIABLES.workers, number);
  const visibilitySecs = readOptional(env, VARIABLES.visibilitySecs, number);
  const healthPort = readOptional(env, VARIABLES.healthPort, port);
  const ecsAgentUri = env['ECS_AGENT_URI'] ?? '';
  return {
    ...bundleSettings(env),
    stopTimeoutSecs: readOptional(env, VARIABLES.stopTimeoutSecs, number) ?? STOP_TIMEOUT_SECS,
    ...(workers === undefined ? {} : { workers }),
    ...(visibilitySecs === undefined ? {} : { visibilitySecs }),
    ...(healthPort === undefined ? {} : { healthPort }),
    ...(ecsAgentUri === '' ? {} : { ecsAgentUri }),
  };
}

function bundleSettings(env: Environment): BundleSettings {
  const concurrencyParameter = env[VARIABLES.concurrencyParameter] ?? '';
  return {
    outputBucket: read(env, VARIABLES.outputBucket, text),
    inputBuckets: read(env, VARIABLES.inputBuckets, json(bucketNames)),
    queues: read(env, VARIABLES.queues, json(z.object({ bundles: url, deadLetters: url }))),
    pipeline: read(env, VARIABLES.pipeline, text),
    config: read(env, VARIABLES.config, text),
    maxReceives: read(env, VARIABLES.maxReceives, number),
    ...(concurrencyParameter === '' ? {} : { concurrencyParameter }),
  };
}

/** Reads the settings of the finalizer. @throws ConfigError if a variable is wrong */
export function finalizerSettings(env: Environment): FinalizerSettings {
  const eventBus = env[VARIABLES.eventBus] ?? '';
  return {
    outputBucket: read(env, VARIABLES.outputBucket, text),
    queues: read(env, VARIABLES.queues, json(z.object({ finalizer: url, deadLetters: urls }))),
    ...(eventBus === '' ? {} : { eventBus }),
  };
}

/** Reads the settings of the governor. @throws ConfigError if a variable is wrong */
export function governorSettings(env: Environment): GovernorSettings {
  const parameters = read(env, VARIABLES.parameters, text);
  const pipelines = Object.entries(read(env, VARIABLES.governed, json(governed)));
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

/** Reads a variable that is optional: undefined if it is missing or empty. */
function readOptional<T>(env: Environment, name: string, schema: z.ZodType<T>): T | undefined {
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
