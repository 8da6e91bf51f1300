import { type CarriedError, carryError, ModelLoadError, restoreError } from '../errors.ts';
import { judgeError } from '../remote/endpoint/judge-error.ts';
import type { LoadFailedFrame } from './protocol.ts';

/** A model that could not be loaded for a reason that may pass by itself. */
export class TransientLoadError extends ModelLoadError {}

/**
 * Whether what a load failed with may pass by itself: a connection that broke off or did not come about, a service that
 * throttles or is down, as Node, the AWS SDK and most clients put it on their errors; or disposition `retry` or `throttle`.
 */
export function isTransient(error: unknown): boolean {
  if (error instanceof TransientLoadError) return true;
  const isWrapper = error instanceof ModelLoadError && error.disposition === 'fatal';
  const { verdict } = judgeError(isWrapper ? error.cause : error);
  return verdict === 'retry' || verdict === 'throttled';
}

/** An error of `loadModel` for its way out of the host, with the reason that Node's fetch has in the cause alone. */
export function carryLoadError(error: unknown): CarriedError {
  const carried = carryError(error);
  const cause = error instanceof TypeError && error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return { ...carried, message: `${carried.message}${cause}` };
}

/** Whatever a handler throws when it loads its model is a model that can't be loaded, unless it says that it passes. */
export function loadError({ error, isTransient }: Pick<LoadFailedFrame, 'error' | 'isTransient'>): Error {
  if (error.disposition === 'retry') return restoreError(error);
  const { message, at } = error;
  const refused = restoreError({ name: 'ModelLoadError', message, ...(at === undefined ? {} : { at }) });
  return isTransient ? new TransientLoadError(message, { cause: refused }) : refused;
}
