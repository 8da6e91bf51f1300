import { type CarriedError, carryError, ModelLoadError, restoreError } from '../errors.ts';
import { judgeError } from '../remote/endpoint/judge-error.ts';
import type { LoadFailedFrame } from './protocol.ts';

/** A model failed to load for a reason that may be temporary. */
export class TransientLoadError extends ModelLoadError {}

/**
 * Returns whether the cause of a failed load may be temporary: a connection that broke or could not be made, a service
 * that throttles or is down, as Node, the AWS SDK and most clients report it; or disposition `retry` or `throttle`.
 */
export function isTransient(error: unknown): boolean {
  if (error instanceof TransientLoadError) return true;
  const isWrapper = error instanceof ModelLoadError && error.disposition === 'fatal';
  const { verdict } = judgeError(isWrapper ? error.cause : error);
  return verdict === 'retry' || verdict === 'throttled';
}

/** Prepares an error of `loadModel` to leave the host, with the reason that Node's fetch keeps only in the cause. */
export function carryLoadError(error: unknown): CarriedError {
  const carried = carryError(error);
  const cause = error instanceof TypeError && error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return { ...carried, message: `${carried.message}${cause}` };
}

/** Converts an error of `loadModel`: the model can't be loaded, unless the error is marked as temporary. */
export function loadError({ error, isTransient }: Pick<LoadFailedFrame, 'error' | 'isTransient'>): Error {
  if (error.disposition === 'retry') return restoreError(error);
  const { message, at } = error;
  const refused = restoreError({ name: 'ModelLoadError', message, ...(at === undefined ? {} : { at }) });
  return isTransient ? new TransientLoadError(message, { cause: refused }) : refused;
}
