import { carryError, describeError, ModelLoadError } from '../../errors.ts';
import { HostDiedError, saysOutOfMemory } from '../../hosts/host-died-error.ts';
import type { RunFailedFrame } from '../../hosts/protocol.ts';
import { RESULT_KIND } from '../../models/batch-results.ts';
import type { BatchFailure } from '../worker-protocol.ts';

/** Failure of a batch that ran in a host, whether alone or together with others. */
export type HostFailure = Omit<BatchFailure, 'shared'>;

/** Returns the failure of a batch for which a handler threw an error. */
export function runFailure({ error }: RunFailedFrame): HostFailure {
  const { name, message, code, disposition, at } = error;
  const place = at === undefined ? {} : { at };
  if (disposition === 'fatal') return { cause: 'fatal', error };
  if (code === RESULT_KIND) return { cause: 'contract', error: { name, message, ...place } };
  if (!saysOutOfMemory(message)) return { cause: 'error', error: { name, message, ...place } };
  return { cause: 'memory', error: { name: 'OutOfMemoryError', message, ...place }, tooLargeFor: 'memory' };
}

/** Returns the failure of a batch whose host died, or could not be started. */
export function hostFailure(error: Error): HostFailure {
  if (error instanceof HostDiedError) {
    const isMemory = error.reason === 'memory';
    return { cause: error.reason, error: describeError(error), ...(isMemory ? { tooLargeFor: 'memory' } : {}) };
  }
  if (error instanceof ModelLoadError) return { cause: 'fatal', error: carryError(error) };
  return { cause: 'error', error: describeError(error) };
}
