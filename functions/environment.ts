import { BUCKET_OWNERS_VARIABLE } from '../lib/stores/aws-client.ts';

/**
 * Names of the environment variables that configure deployed functions and tasks, by setting. The CDK constructs write them
 * with `environmentOf`; `settings.ts` reads and checks them.
 */
export const VARIABLES = {
  outputBucket: 'FABRIC_OUTPUT_BUCKET',
  inputBuckets: 'FABRIC_INPUT_BUCKETS',
  bucketOwners: BUCKET_OWNERS_VARIABLE,
  queues: 'FABRIC_QUEUES',
  maxReceives: 'FABRIC_MAX_RECEIVES',
  pipeline: 'FABRIC_PIPELINE',
  config: 'FABRIC_CONFIG',
  concurrencyParameter: 'FABRIC_CONCURRENCY_PARAMETER',
  workers: 'FABRIC_WORKERS',
  stopTimeoutSecs: 'FABRIC_STOP_TIMEOUT_SECS',
  visibilitySecs: 'FABRIC_VISIBILITY_SECS',
  healthPort: 'FABRIC_HEALTH_PORT',
  eventBus: 'FABRIC_EVENT_BUS',
  parameters: 'FABRIC_PARAMETERS',
  governed: 'FABRIC_GOVERNED',
} as const;

/** Namespace of the fabric's metrics in CloudWatch; their only dimension is `pipeline`. */
export const METRIC_NAMESPACE = 'InferenceFabric';

/** Name of the file beside the code of intake and finalizer that holds the facts of all pipelines. */
export const PIPELINE_FACTS_FILE = 'pipelines.json';

type Setting = keyof typeof VARIABLES;

/** Settings of the function that plans jobs. */
export interface IntakeSettings {
  readonly outputBucket: string;
  /** Names of the input buckets; the fabric's own bucket is the first. */
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

/** Settings of a function or task that processes the bundles of one pipeline. */
export interface BundleSettings {
  readonly outputBucket: string;
  readonly inputBuckets: readonly string[];
  /** Queue URLs. */
  readonly queues: { readonly bundles: string; readonly deadLetters: string };
  readonly pipeline: string;
  /** Path of the config module, relative to the root of the function's code or to the working directory of a task. */
  readonly config: string;
  /** Number of receives after which the queue parks a bundle. */
  readonly maxReceives: number;
  /** Name of the parameter in which the governor publishes the number of engines. @default - the pipeline has no governor */
  readonly concurrencyParameter?: string | undefined;
}

/** Settings that tasks have beside those of their bundles. */
export interface TaskSettings {
  /** Worker threads of the engine. @default - the number of cores of the container */
  readonly workers?: number;
  /** Seconds from SIGTERM to SIGKILL. */
  readonly stopTimeoutSecs: number;
  /** Seconds after which a bundle becomes visible again if its task was killed. @default - the default of a consumer */
  readonly visibilitySecs?: number;
  /** Port of the health endpoint on 127.0.0.1; with 0 the system chooses one. @default - no health endpoint */
  readonly healthPort?: number;
}

/** Settings of the function that ends jobs. */
export interface FinalizerSettings {
  readonly outputBucket: string;
  /** Queue URLs, `deadLetters` by pipeline. */
  readonly queues: { readonly finalizer: string; readonly deadLetters: Readonly<Record<string, string>> };
  /** Name or ARN of the EventBridge bus that receives an event for each ended job. @default - no events */
  readonly eventBus?: string;
}

/** Settings of the governor. */
export interface GovernedPipelines {
  /** Path in SSM's Parameter Store that has a parameter for each pipeline, by the pipeline's name. */
  readonly parameters: string;
  /** By pipeline. */
  readonly governed: Readonly<Record<string, GovernedPollers>>;
}

/** The queue of a governed pipeline, and the limit that the governor sets. */
export type GovernedPollers = {
  /** URL of the queue of its bundles. */
  readonly queue: string;
  /** Maximum number of engines at once. @default - only the account's limits */
  readonly ceiling?: number | undefined;
} & (
  | {
      /** Id of the event source mapping that invokes its function. */
      readonly poller: string;
    }
  | {
      /** Its ECS service: `<cluster>/<service>`. */
      readonly service: string;
    }
);

/** Settings of one function or task. */
export type DeployedSettings = (
  | IntakeSettings
  | BundleSettings
  | (BundleSettings & TaskSettings)
  | FinalizerSettings
  | GovernedPipelines
) & {
  /** Accounts that own buckets, by bucket. @default - the owners of buckets are not checked */
  readonly bucketOwners?: Readonly<Record<string, string>> | undefined;
};

/** Returns the environment variables of these settings: a string as it is, any other value as JSON. */
export function environmentOf(settings: DeployedSettings): Record<string, string> {
  const values: Readonly<Partial<Record<Setting, unknown>>> = settings;
  const variables = Object.entries(VARIABLES).flatMap(([setting, name]) => {
    // The keys of an object literal are those of its type.
    const value = values[setting as Setting];
    if (value === undefined) return [];
    return [[name, typeof value === 'string' ? value : JSON.stringify(value)] as const];
  });
  return Object.fromEntries(variables);
}
