import { DEFAULT_VISIBILITY_SECS } from './delivery.ts';

/** Permission that a pipeline's handlers need in AWS, beyond those of the fabric itself. */
export interface Permission {
  /** `service:Action`, as IAM has them. */
  readonly actions: readonly string[];
  /** ARNs; they may hold `*`, and `*` alone where the service knows no resources. */
  readonly resources: readonly string[];
}

export type Architecture = 'arm64' | 'x86_64';

/** Options of `lambda`: the function that runs a pipeline. */
export interface LambdaOptions {
  /** Memory of the function in MiB, from 128 to 10,240; a whole core comes with each 1,769. @default 2048 */
  readonly memoryMb?: number;
  /** Seconds that one run of the function may take, from 30 to 900. @default 900 */
  readonly timeoutSecs?: number;
  /** The processor. @default the CDK context value `architecture`, otherwise `arm64` */
  readonly architecture?: Architecture;
  /** The function's disk in MiB, from 512 to 10,240: models from S3 and the results of a bundle lie there. @default 2048 */
  readonly ephemeralStorageMb?: number;
  /**
   * Maximum number of runs at once, from 2 to 1,000. `'unlimited'` sets no maximum: the pipeline may then use the whole
   * account's concurrency, which is 1,000 by default and less in a new account. @default 100
   */
  readonly maxConcurrency?: number | 'unlimited';
  /** @default none */
  readonly permissions?: readonly Permission[];
}

/** Source of the machines: ECS Managed Instances, or an Auto Scaling group of EC2 instances that ECS scales. */
export type ContainerCapacity = 'managed-instances' | 'auto-scaling-group';

/** Route from tasks to AWS: an internet gateway, or VPC endpoints in subnets without one. */
export type ContainerNetwork = 'public' | 'private';

/** Options of `container`: the ECS tasks that run a pipeline. */
export interface ContainerOptions {
  /** NVIDIA GPUs of one task, from 0 to 8. @default 0 */
  readonly gpus?: number;
  /** vCPUs of one task, from 1 to 192. @default 3 for each GPU, 2 without one */
  readonly cpu?: number;
  /** Memory of one task in MiB. @default 12288 for each GPU, 6144 without one */
  readonly memoryMb?: number;
  /** The types of instances that tasks may run on; `*` stands for whatever follows: `g6.*`. @default any x86_64 ones that fit */
  readonly instanceTypes?: readonly string[];
  /** Use Spot Instances: cheaper, reclaimed with two minutes' notice. @default false */
  readonly spot?: boolean;
  /** The most tasks at once, from 1 to 1,000. @default 4 */
  readonly maxTasks?: number;
  /** Tasks that stay when there is no work, at most `maxTasks`. @default 0 */
  readonly minTasks?: number;
  /**
   * Bundles, waiting or in progress, for each additional task, from 1 to 1,000: about the number that a task processes in
   * ten minutes.
   * @default 10, for bundles that take one minute (docs/scaling.md)
   */
  readonly backlogPerTask?: number;
  /** @default 'managed-instances' */
  readonly capacity?: ContainerCapacity;
  /** The same for all containers of a fabric. @default 'public', with no way in, as it costs nothing at rest */
  readonly network?: ContainerNetwork;
  /** Seconds after which a task is killed that was told to stop and has not ended, from 10 to 120. @default 90 */
  readonly stopTimeoutSecs?: number;
  /** Seconds after which a bundle of a killed task is delivered again, from 30 to 43,200. @default 90 */
  readonly visibilitySecs?: number;
  /** @default none */
  readonly permissions?: readonly Permission[];
}

export interface LambdaCompute extends LambdaOptions {
  readonly kind: 'lambda';
  readonly memoryMb: number;
  readonly timeoutSecs: number;
  readonly ephemeralStorageMb: number;
}

export interface ContainerCompute extends ContainerOptions {
  readonly kind: 'container';
  readonly gpus: number;
  readonly cpu: number;
  readonly memoryMb: number;
  readonly spot: boolean;
  readonly maxTasks: number;
  readonly minTasks: number;
  readonly backlogPerTask: number;
  readonly capacity: ContainerCapacity;
  readonly network: ContainerNetwork;
  readonly stopTimeoutSecs: number;
  readonly visibilitySecs: number;
}

/** Where a deployed pipeline runs; `fabric run` runs every pipeline here. */
export type Compute = LambdaCompute | ContainerCompute;

/** https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html */
export const LAMBDA_MEMORY_MB_PER_VCPU = 1769;

/** Lambda's own limits: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
export const LAMBDA_MAX_MEMORY_MB = 10_240;
export const LAMBDA_MAX_TIMEOUT_SECS = 900;

/** Share of an instance's memory that its tasks can have; the system and the ECS agent use the rest. */
export const TASK_MEMORY_SHARE = 0.9;
/** Disk of an instance: for the image, which has CUDA's libraries, and for models and the results of bundles. */
export const INSTANCE_DISK_GIB = 80;

const DEFAULT_MAX_CONCURRENCY = 100;

/** Maximum number of runs of a function at once; undefined where the account's limit is the only one. */
export function maxRunsAtOnce({ maxConcurrency = DEFAULT_MAX_CONCURRENCY }: LambdaOptions): number | undefined {
  return maxConcurrency === 'unlimited' ? undefined : maxConcurrency;
}

/** Cores that an engine may count on in a function: the whole ones that come with its memory, and one at least. */
export function lambdaCores(memoryMb: number): number {
  return Math.max(1, Math.floor(memoryMb / LAMBDA_MEMORY_MB_PER_VCPU));
}

export const DEFAULT_LAMBDA = {
  kind: 'lambda',
  memoryMb: 2048,
  timeoutSecs: LAMBDA_MAX_TIMEOUT_SECS,
  ephemeralStorageMb: 2048,
} as const;

const DEFAULT_CONTAINER = {
  kind: 'container',
  gpus: 0,
  spot: false,
  maxTasks: 4,
  minTasks: 0,
  backlogPerTask: 10,
  capacity: 'managed-instances',
  network: 'public',
  stopTimeoutSecs: 90,
  visibilitySecs: DEFAULT_VISIBILITY_SECS,
} as const;
/** They leave the machine's own programs a share of the smallest instances with a GPU: 4 vCPUs and 16 GiB. */
const FOR_EACH_GPU = { cpu: 3, memoryMb: 12_288 };
const WITHOUT_GPU = { cpu: 2, memoryMb: 6144 };

// Both take the options as they are, so that `defineFabric` can refuse those that it does not know.

/** A function of AWS Lambda, for a pipeline of small models on CPUs. */
export function lambda(options: LambdaOptions = {}): LambdaCompute {
  return { ...DEFAULT_LAMBDA, ...options };
}

/** Containers on ECS, with or without GPUs. The number of tasks follows the work, down to zero. */
export function container(options: ContainerOptions = {}): ContainerCompute {
  const { gpus = DEFAULT_CONTAINER.gpus } = options;
  const size = gpus > 0 ? { cpu: FOR_EACH_GPU.cpu * gpus, memoryMb: FOR_EACH_GPU.memoryMb * gpus } : WITHOUT_GPU;
  return { ...DEFAULT_CONTAINER, ...size, ...options };
}
