import { setTimeout } from 'node:timers/promises';
import { FabricError } from '../errors.ts';
import { isThrottled } from './aws-errors.ts';
import type { StoreOptions } from './object-store.ts';

/** The first pause is at most this long, and each one at most twice as long as the one before. */
const FIRST_PAUSE_MILLIS = 500;
const MAX_PAUSE_MILLIS = 10_000;

export interface PatienceOptions extends StoreOptions {
  /** Milliseconds from the first refusal in which an operation is tried again. */
  readonly patienceMillis: number;
}

/** Does an operation again while the store refuses it as too frequent. @throws what it threw last, or the signal's reason */
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
      // Full jitter: those that were refused together must not come again together.
      const pause = Math.min(left, Math.random() * ceiling);
      await setTimeout(pause, undefined, signal ? { signal } : {}).catch(() => signal?.throwIfAborted());
      ceiling = Math.min(MAX_PAUSE_MILLIS, ceiling * 2);
    }
  }
}

const BUSY_CODES: ReadonlySet<string> = new Set(['STORE_THROTTLED', 'SOURCE_UNREADABLE']);

/** Returns whether work ended because a store or a queue asks for a slower pace, for longer than its client waited. */
export function isStoreBusy(error: unknown): boolean {
  return error instanceof FabricError && error.disposition === 'throttle' && BUSY_CODES.has(error.code);
}
