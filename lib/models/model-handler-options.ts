import { BATCHING_OPTIONS, type BatchingOptions } from '../batching/batching-options.ts';

/** A test element: a model that fails on it, or has another result for it, is not used. */
export interface Probe {
  /** One element, as it is passed to `runInference`. */
  readonly input: unknown;
  /** Expected result of `runInference`, which may have other fields too. @default any result */
  readonly output?: unknown;
  /** Maximum difference of each number from the expected one. @default 1e-3 */
  readonly tolerance?: number;
}

export const PROBE_FIELDS = { input: true, output: true, tolerance: true } as const satisfies Record<keyof Probe, true>;

/** Options of every model handler. */
export interface ModelHandlerOptions<Input = unknown> extends BatchingOptions<Input> {
  /** Exactly one copy of the model, with all threads. @default false */
  readonly largeModel?: boolean;
  /** Number of copies of the model, each in a separate process. @default 1, on GPUs one for each of them */
  readonly modelCopies?: number;
  /** Environment variables of the model's processes, set before they import anything. @default none */
  readonly envVars?: Readonly<Record<string, string>>;
  /** Test element for each copy of the model, after it has been loaded and before it is used. @default none */
  readonly probe?: Probe;
}

export const MODEL_HANDLER_OPTIONS = {
  ...BATCHING_OPTIONS,
  largeModel: true,
  modelCopies: true,
  envVars: true,
  probe: true,
} as const satisfies Record<keyof ModelHandlerOptions, true>;

export function checkedCopies({ modelCopies = 1, largeModel = false }: ModelHandlerOptions<never>): number {
  if (!Number.isInteger(modelCopies) || modelCopies < 1) {
    throw new RangeError(
      `Cannot create a model handler as 'modelCopies' must be a positive integer: current value is ${modelCopies}`,
    );
  }
  if (largeModel && modelCopies > 1) {
    throw new RangeError(
      `Cannot create a model handler as 'modelCopies' must be 1 where 'largeModel' is set: current value is ${modelCopies}`,
    );
  }
  return modelCopies;
}
