import type { ElementFunction, InferenceArgs, ModelHandler } from '../models/model-handler.ts';

/** What happens to a batch that ran out of time: its elements fail alone in the end, or are tried until they succeed. */
export type OnTimeout = 'fail' | 'retry';

export interface RunInferenceOptions {
  /** Seconds that one batch may take before its host is killed. @default 300 */
  readonly timeoutSecs?: number;
  /** Seconds that a model may take to load; a host's start-up does not count. @default 300 */
  readonly loadTimeoutSecs?: number;
  /** @default 'fail' */
  readonly onTimeout?: OnTimeout;
  /** Passed to every `runInference`. @default none */
  readonly inferenceArgs?: InferenceArgs;
}

export interface RunInferenceStep {
  readonly kind: 'runInference';
  readonly handler: ModelHandler;
  readonly timeoutSecs: number;
  readonly loadTimeoutSecs: number;
  readonly onTimeout: OnTimeout;
  readonly inferenceArgs: InferenceArgs | undefined;
}

export interface MapStep {
  readonly kind: 'map';
  readonly fn: ElementFunction<unknown, unknown>;
}

/** One entry of a pipeline's `steps`; each gets what the one before gave. */
export type Step = RunInferenceStep | MapStep;

const DEFAULT_TIMEOUT_SECS = 300;

/** A step that batches its elements and runs them through a model. */
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
    // As they are, so that `defineFabric` can refuse those that it does not know.
    ...options,
  };
}

/** A step that runs a function on each value. The function may be async; what it throws fails its element alone. */
export function map<From, To>(fn: ElementFunction<From, To>): MapStep {
  return { kind: 'map', fn: fn as ElementFunction<unknown, unknown> };
}
