import type { Element } from '../elements/element.ts';
import type { ElementFunction, InferenceArgs, ModelHandler } from '../models/model-handler.ts';

/** What happens to a batch that ran out of time: its elements fail alone in the end, or are tried until they succeed. */
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
   * Passed to every `runInference`, a copy to each; an element's own, if it has any, go over them one by one. Those of an
   * ONNX model are inputs, for elements that do not have them: one that names no input ends the run where it is the
   * step's, and fails the element where it is the element's own or the handler is keyed.
   *
   * @default none
   */
  readonly inferenceArgs?: InferenceArgs;
  /** Seconds from one look for a new version of the model to the next. @default the model that was loaded first stays */
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
   * Values in one call. The end of a bundle may undercut it, and so may many elements in a row that have failed or were
   * refused. In a bundle that ended a worker, or came once more, each value has a call of its own. @default 256
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

/** What sends an element to its branches: all of them, weights by name, or a function that names one. */
export type Split<From = unknown> = 'all' | Readonly<Record<string, number>> | ElementFunction<From, string>;

export interface BranchStep {
  readonly kind: 'branch';
  readonly branches: Readonly<Record<string, readonly Step[]>>;
  readonly split: Split;
}

/** One entry of a pipeline's `steps`; each gets what the one before gave. */
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
 * A step that runs a function on each value. The function may be async; what it throws fails its element alone.
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
 * A step that runs a function on the values of several elements of a bundle at once. It gives one result for each, in
 * their order. A call that throws is made again in halves until the elements that cause it are found.
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
 * A step that lets on the elements for which the function gives true, or what counts as true. Any other ends here: its
 * prediction is `null`. In a branch only its way through that branch ends.
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
 * A step that takes a value apart. The pieces go through the steps that follow, each by itself, and their predictions are
 * the element's, as an array in the order of the pieces: none where there is no piece, `null` for one that a filter
 * refused. A piece that fails fails its element.
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
 * A step of several sequences of steps, by name. Its value is an object with what each branch gave that the element went
 * through; a branch that fails fails the element, which then goes through no other.
 *
 * A value that is as it was read is each branch's own. One that a step made is the same for all of them: a function must
 * not change it in place, but give a new one.
 *
 * @param options.split - `'all'` takes each element through every branch. Weights, `{ a: 9, b: 1 }`, take it through one,
 *   chosen by the first 32 bits of its id's SHA-256: the same id goes the same way in every run. A function names one.
 *   Default: `'all'`.
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
