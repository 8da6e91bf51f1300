import { FabricError } from '../lib/errors.ts';
import type { Deadline } from '../lib/jobs/fabric-ports.ts';

/** Part of Lambda's context that has the remaining time. */
export interface LambdaClock {
  getRemainingTimeInMillis(): number;
}

/** Share of the time of a run that is reserved for staging and committing. */
const MARGIN_SHARE = 0.1;
const MIN_MARGIN_MILLIS = 1000;
/** Maximum time for staging the outcomes of a bundle, for any timeout of the function. */
const MAX_MARGIN_MILLIS = 20_000;

/** The run is about to be stopped; another run continues its work. */
class FunctionDeadlineError extends FabricError {
  override readonly name = 'FunctionDeadlineError';
  constructor() {
    super('FUNCTION_DEADLINE', 'the function is about to reach its timeout', { disposition: 'retry' });
  }
}

/** Returns the deadline of a run; its signal aborts some time before Lambda stops the function. Dispose of it after the run. */
export function lambdaDeadline(clock: LambdaClock): Deadline & Disposable {
  const remaining = clock.getRemainingTimeInMillis();
  const margin = Math.min(MAX_MARGIN_MILLIS, Math.max(MIN_MARGIN_MILLIS, remaining * MARGIN_SHARE));
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
