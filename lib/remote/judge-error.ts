import { FabricError } from '../errors.ts';
import { EndpointError } from './endpoint-error.ts';

/**
 * What a failed request means: `throttled`: too many requests, ask again later at no charge; `retry`: may succeed the next
 * time; `refused`: this batch will not; `fatal`: no request will.
 */
export interface Judgement {
  readonly verdict: 'throttled' | 'retry' | 'refused' | 'fatal';
  readonly retryAfterMillis?: number;
}

const VERDICTS = { throttle: 'throttled', retry: 'retry', poison: 'refused', fatal: 'fatal' } as const;

/** Judges anything that a request threw. */
export function judgeError(error: unknown): Judgement {
  if (error instanceof FabricError) {
    const retryAfterMillis = error instanceof EndpointError ? error.retryAfterMillis : undefined;
    return { verdict: VERDICTS[error.disposition], ...(retryAfterMillis === undefined ? {} : { retryAfterMillis }) };
  }
  return { verdict: 'refused' };
}
