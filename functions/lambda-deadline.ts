import { FabricError } from '../lib/errors.ts';
import type { Deadline } from '../lib/jobs/fabric-ports.ts';

/** What of a Lambda context tells the time. */
export interface LambdaClock {
  getRemainingTimeInMillis(): number;
}

/** Of the time that a run has, the share that is kept for staging and committing. */
const MARGIN_SHARE = 0.1;
const LEAST_MARGIN_MILLIS = 1000;
/** Staging a bundle's outcomes takes no longer than this, however long the function may run. */
const MAX_MARGIN_MILLIS = 20_000;

/** The function is about to be stopped; another run of it goes on. */
class FunctionDeadlineError extends FabricError {
  override readonly name = 'FunctionDeadlineError';
  constructor() {
    super('FUNCTION_DEADLINE', "the function's time is nearly over", { disposition: 'retry' });
  }
}

/** A run's deadline by its context: the signal comes a margin before the function is stopped. To be disposed of after the run. */
export function lambdaDeadline(clock: LambdaClock): Deadline & Disposable {
  const remaining = clock.getRemainingTimeInMillis();
  const margin = Math.min(MAX_MARGIN_MILLIS, Math.max(LEAST_MARGIN_MILLIS, remaining * MARGIN_SHARE));
  const controller = new AbortController();
  const abort = (): void => controller.abort(new FunctionDeadlineError());
  const timer = remaining > margin ? setTimeout(abort, remaining - margin) : undefined;
  if (timer === undefined) abort();
  return {
    remainingMillis: () => Math.max(0, clock.getRemainingTimeInMillis()),
    signal: controller.signal,
    [Symbol.dispose]: () => clearTimeout(timer),
  };
}
