export interface LambdaOptions {
  /** Memory of the function in MiB; a whole core comes with each 1,769. @default 2048 */
  readonly memoryMb?: number;
}

export interface ContainerOptions {
  /** GPUs of one task. @default 0 */
  readonly gpus?: number;
}

/** Where a deployed pipeline runs; `fabric run` runs every pipeline here. */
export type Compute =
  | { readonly kind: 'lambda'; readonly memoryMb: number }
  | { readonly kind: 'container'; readonly gpus: number };

const DEFAULT_MEMORY_MB = 2048;

export function lambda(options: LambdaOptions = {}): Compute {
  return { kind: 'lambda', memoryMb: options.memoryMb ?? DEFAULT_MEMORY_MB };
}

export function container(options: ContainerOptions = {}): Compute {
  return { kind: 'container', gpus: options.gpus ?? 0 };
}
