import type { Element } from '../elements/element.ts';
import type { ElementFunction, InferenceArgs, ModelHandler } from '../models/model-handler.ts';

/** Rule for a batch that times out: isolate and fail the elements that cause it, or retry until all succeed. */
export type OnTimeout = 'fail' | 'retry';

/** Options of `runInference`. */
export interface RunInferenceOptions {
  /** Seconds that one batch may take before its host is killed. @default 300 */
  readonly timeoutSecs?: number;
  /** Seconds that a model may take to load; a host's start-up does not count. @default 300 */
  readonly loadTimeoutSecs?: number;
  /** @default 'fail' */
  readonly onTimeout?: OnTimeout;
  /**
   * Arguments of every `runInference`, a copy for each call. An element's own arguments override them one by one. For an
   * ONNX model they are inputs, used for elements that do not have them. An argument that is not an input ends the run;
   * if it is the element's own or the handler is keyed, it fails the element.
   *
   * @default none
   */
  readonly inferenceArgs?: InferenceArgs;
  /** Seconds between two looks for a new version of the model. @default the model that was loaded first stays */
  readonly refreshSecs?: number;
}

export interface RunInferenceStep {
  readonly kind: 'runInference';
  readonly handler: ModelHandler;
  readonly timeoutSecs: number;
  readonly loadTimeoutSecs: number;
  readonly onTimeout: OnTimeout;
  readonly inferenceArgs: InferenceArgs | undefined;
  readonly refreshSecs: number | undefined;
}

export interface MapStep {
  readonly kind: 'map';
  readonly fn: ElementFunction<unknown, unknown>;
}

/** A function on the values of several elements, and on those elements; it may be async. */
export type BatchFunction<From, To> = (
  values: readonly From[],
  elements: readonly Element[],
) => readonly To[] | Promise<readonly To[]>;

/** Options of `mapBatches`. */
export interface MapBatchesOptions {
  /**
   * Values in one call. The last batch of a bundle may be smaller, and also a batch before many elements that failed or
   * were filtered out. After a worker crash or a redelivery, each value is passed in a separate call. @default 256
   */
  readonly batchSize?: number;
}

export interface MapBatchesStep {
  readonly kind: 'mapBatches';
  readonly fn: BatchFunction<unknown, unknown>;
  readonly batchSize: number;
}

export interface FilterStep {
  readonly kind: 'filter';
  readonly fn: ElementFunction<unknown, unknown>;
}

export interface FlatMapStep {
  readonly kind: 'flatMap';
  readonly fn: ElementFunction<unknown, readonly unknown[]>;
}

/** Choice of an element's branches: all of them, one by weights, or one by a function that returns its name. */
export type Split<From = unknown> = 'all' | Readonly<Record<string, number>> | ElementFunction<From, string>;

export interface BranchStep {
  readonly kind: 'branch';
  readonly branches: Readonly<Record<string, readonly Step[]>>;
  readonly split: Split;
}

/** One entry of a pipeline's `steps`. Each step gets the values of the step before it. */
export type Step = RunInferenceStep | MapStep | MapBatchesStep | FilterStep | FlatMapStep | BranchStep;

const DEFAULT_TIMEOUT_SECS = 300;
const DEFAULT_BATCH_SIZE = 256;

/**
 * A step that batches its elements and runs them through a model.
 *
 * @example
 * ```ts
 * steps: [runInference(handler, { timeoutSecs: 10, inferenceArgs: { neutralBelow: 2 } })],
 * ```
 */
export function runInference<Input, Output>(
  handler: ModelHandler<Input, Output>,
  options: RunInferenceOptions = {},
): RunInferenceStep {
  return {
    kind: 'runInference',
    handler: handler as ModelHandler,
    timeoutSecs: DEFAULT_TIMEOUT_SECS,
    loadTimeoutSecs: DEFAULT_TIMEOUT_SECS,
    onTimeout: 'fail',
    inferenceArgs: undefined,
    refreshSecs: undefined,
    // As they are, so that `defineFabric` can refuse those that it does not know.
    ...options,
  };
}

/**
 * A step that runs a function on each value. The function may be async; an error that it throws fails only its element.
 *
 * @example
 * ```ts
 * steps: [map((review: string) => review.split(' ')), map((words: readonly string[]) => words.length)],
 * ```
 */
export function map<From, To>(fn: ElementFunction<From, To>): MapStep {
  return { kind: 'map', fn: fn as ElementFunction<unknown, unknown> };
}

/**
 * A step that runs a function on the values of several elements of a bundle at once. The function returns one result for
 * each, in their order. After an error, the batch runs again in halves until the elements that cause it are found.
 *
 * @example
 * ```ts
 * steps: [
 *   mapBatches((reviews: readonly string[]) => reviews.map((review) => review.toLowerCase()), {
 *     batchSize: 100,
 *   }),
 * ],
 * ```
 */
export function mapBatches<From, To>(fn: BatchFunction<From, To>, options: MapBatchesOptions = {}): MapBatchesStep {
  return {
    kind: 'mapBatches',
    fn: fn as unknown as BatchFunction<unknown, unknown>,
    batchSize: DEFAULT_BATCH_SIZE,
    ...options,
  };
}

/**
 * Keeps elements for which the function returns a truthy value; the others stop here with prediction `null`. In a branch
 * they only stop in that branch.
 *
 * @example
 * ```ts
 * steps: [filter((review: string) => review.split(' ').length > 2), map((review: string) => review.length)],
 * ```
 */
export function filter<From>(fn: ElementFunction<From, boolean>): FilterStep {
  return { kind: 'filter', fn: fn as ElementFunction<unknown, unknown> };
}

/**
 * Splits a value into pieces. Each piece goes through the following steps by itself. The element's prediction is the array
 * of the pieces' predictions in order: empty if there are no pieces, `null` for a piece that a filter stopped. A piece
 * that fails fails its element.
 *
 * @example
 * ```ts
 * steps: [flatMap((review: string) => review.split('. ')), map((sentence: string) => sentence.length)],
 * ```
 */
export function flatMap<From, To>(fn: ElementFunction<From, readonly To[]>): FlatMapStep {
  return { kind: 'flatMap', fn: fn as ElementFunction<unknown, readonly unknown[]> };
}

/**
 * A step with several named sequences of steps. Its value is an object with the result of each branch that the element
 * went through. A branch that fails fails the element, which then skips the other branches.
 *
 * Each branch gets a separate copy of a value that was just read. A value that a step returned is shared by all branches:
 * a function must return a new value instead of changing it in place.
 *
 * @param options.split - `'all'` sends each element through every branch. Weights, `{ a: 9, b: 1 }`, send it through one,
 *   chosen by the first 32 bits of its id's SHA-256: the same id takes the same branch in every run. A function returns
 *   the name of one. Default: `'all'`.
 *
 * @example
 * ```ts
 * steps: [
 *   branch(
 *     {
 *       now: [map((review: string) => review.length)],
 *       next: [map((review: string) => review.split(' ').length)],
 *     },
 *     { split: { now: 9, next: 1 } },
 *   ),
 * ],
 * ```
 */
export function branch<From = unknown>(
  branches: Readonly<Record<string, readonly Step[]>>,
  options: { readonly split?: Split<From> } = {},
): BranchStep {
  return { kind: 'branch', branches, ...({ split: 'all', ...options } as { readonly split: Split }) };
}
