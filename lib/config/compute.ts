/** What a pipeline's handlers may do in AWS beyond what the fabric itself needs. */
export interface Permission {
  /** `service:Action`, as IAM has them. */
  readonly actions: readonly string[];
  /** ARNs; they may hold `*`, and `*` alone where the service knows no resources. */
  readonly resources: readonly string[];
}

export type Architecture = 'arm64' | 'x86_64';

export interface LambdaOptions {
  /** Memory of the function in MiB, from 128 to 10,240; a whole core comes with each 1,769. @default 2048 */
  readonly memoryMb?: number;
  /** Seconds that one run of the function may take, from 30 to 900. @default 900 */
  readonly timeoutSecs?: number;
  /** The processor. @default the CDK context value `architecture`, otherwise `arm64` */
  readonly architecture?: Architecture;
  /** The function's disk in MiB, from 512 to 10,240: models from S3 and the results of a bundle lie there. @default 2048 */
  readonly ephemeralStorageMb?: number;
  /** The most runs at once, from 2 to 1,000. @default the account's limit */
  readonly maxConcurrency?: number;
  /** @default none */
  readonly permissions?: readonly Permission[];
}

export interface ContainerOptions {
  /** GPUs of one task. @default 0 */
  readonly gpus?: number;
}

export interface LambdaCompute extends LambdaOptions {
  readonly kind: 'lambda';
  readonly memoryMb: number;
  readonly timeoutSecs: number;
  readonly ephemeralStorageMb: number;
}

export interface ContainerCompute {
  readonly kind: 'container';
  readonly gpus: number;
}

/** Where a deployed pipeline runs; `fabric run` runs every pipeline here. */
export type Compute = LambdaCompute | ContainerCompute;

export const DEFAULT_LAMBDA = { kind: 'lambda', memoryMb: 2048, timeoutSecs: 900, ephemeralStorageMb: 2048 } as const;

// Both take the options as they are, so that `defineFabric` can refuse those that it does not know.

/** A function of AWS Lambda, for a pipeline of small models on CPUs. */
export function lambda(options: LambdaOptions = {}): LambdaCompute {
  return { ...DEFAULT_LAMBDA, ...options };
}

/** A container with GPUs. */
export function container(options: ContainerOptions = {}): ContainerCompute {
  return { kind: 'container', gpus: 0, ...options };
}
