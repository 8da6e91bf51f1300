import { FabricError } from '../errors.ts';

/** Returns true if an error only means that reading was stopped, not that the object can't be read. */
export function isStop(error: unknown, stop: AbortSignal | undefined): boolean {
  if (stop?.aborted !== true) return false;
  return !(error instanceof FabricError) || error.disposition === 'retry';
}
