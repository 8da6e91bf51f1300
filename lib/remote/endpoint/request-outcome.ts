import { FabricError } from '../../errors.ts';
import type { RequestEnd } from '../flow/request-gate.ts';
import type { TokenUsage } from '../token-usage.ts';
import type { Judgement } from './judge-error.ts';

/** Result of a request for one element. */
export type ElementResult =
  | { readonly ok: true; readonly value: unknown }
  | ({ readonly ok: false; readonly error: Error } & Judgement);

/** Outcome of a request, its duration, and the tokens that were counted for it. */
export type RequestOutcome = { readonly millis: number; readonly usage?: TokenUsage | undefined } & (
  | { readonly ok: true; readonly results: readonly ElementResult[] }
  | ({ readonly ok: false; readonly error: Error; readonly timedOut: boolean } & Judgement)
);

/** A handler returned too many or too few results. */
export class ResultCountError extends FabricError {
  override readonly name = 'ResultCountError';
  constructor(endpoint: string, size: number, given: unknown) {
    const count = Array.isArray(given) ? given.length : typeof given;
    super('RESULT_COUNT', `${endpoint}: 'request' must return one result per element: got ${count} for ${size}`, {
      disposition: 'poison',
    });
  }
}

interface EndedBy {
  readonly end: RequestEnd;
  readonly error?: Error;
  readonly retryAfterMillis?: number | undefined;
}

/** Returns the outcome of a request for its endpoint. */
export function endOf(outcome: RequestOutcome): EndedBy {
  if (!outcome.ok) {
    const { verdict, error, retryAfterMillis } = outcome;
    if (verdict === 'throttled') return { end: 'throttled', error, retryAfterMillis };
    if (verdict === 'retry') return { end: 'failed', error, retryAfterMillis };
    return { end: error instanceof ResultCountError ? 'succeeded' : 'refused', error };
  }
  const { results } = outcome;
  const failures = results.flatMap((result) => (result.ok ? [] : result));
  const throttled = failures.filter(({ verdict }) => verdict === 'throttled');
  if (throttled.length > 0) return { end: 'throttled', retryAfterMillis: longestWait(throttled) };
  // A handler that requests each element by itself reports one error per element if the endpoint is down.
  const [first] = failures;
  const isDown = failures.length === results.length && failures.every(({ verdict }) => verdict === 'retry');
  if (first === undefined || !isDown) return { end: 'succeeded' };
  return { end: 'failed', error: first.error, retryAfterMillis: longestWait(failures) };
}

/** Returns undefined if no failure has a wait. */
function longestWait(failures: readonly Judgement[]): number | undefined {
  const waits = failures.flatMap(({ retryAfterMillis }) => retryAfterMillis ?? []);
  return waits.length === 0 ? undefined : Math.max(...waits);
}
