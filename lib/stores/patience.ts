import { setTimeout } from 'node:timers/promises';
import { FabricError } from '../errors.ts';
import { isThrottled } from './aws-errors.ts';
import type { StoreOptions } from './object-store.ts';

/** Maximum of the first pause; the maximum of each later pause is twice the one before. */
const FIRST_PAUSE_MILLIS = 500;
const MAX_PAUSE_MILLIS = 10_000;

export interface PatienceOptions extends StoreOptions {
  /** Milliseconds from the first refusal in which an operation is tried again. */
  readonly patienceMillis: number;
}

/** Retries an operation while the store throttles it. @throws the last error, or the signal's reason */
export async function withPatience<Result>(
  operation: () => Promise<Result>,
  { patienceMillis, signal }: PatienceOptions,
): Promise<Result> {
  let ceiling = FIRST_PAUSE_MILLIS;
  for (const startedAt = performance.now(); ;) {
    try {
      return await operation();
    } catch (error) {
      const left = startedAt + patienceMillis - performance.now();
      if (!isThrottled(error) || left <= 0) throw error;
      signal?.throwIfAborted();
      // Full jitter: operations that were throttled together must not retry together.
      const pause = Math.min(left, Math.random() * ceiling);
      await setTimeout(pause, undefined, signal ? { signal } : {}).catch(() => signal?.throwIfAborted());
      ceiling = Math.min(MAX_PAUSE_MILLIS, ceiling * 2);
    }
  }
}

const BUSY_CODES: ReadonlySet<string> = new Set(['STORE_THROTTLED', 'SOURCE_UNREADABLE']);

/** Returns true if work ended because a store or a queue throttled it for longer than its client waited. */
export function isStoreBusy(error: unknown): boolean {
  return error instanceof FabricError && error.disposition === 'throttle' && BUSY_CODES.has(error.code);
}
