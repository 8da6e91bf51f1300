import { addUsage, type TokenUsage, usageSince } from '../../remote/token-usage.ts';
import type { Slot } from './slot.ts';

/**
 * Counts the requests to a remote model. The engine counts them: a batch may be asked for several times, and in earlier
 * attempts.
 *
 * @returns the number of requests that were made again.
 */
export function countTries(slots: readonly Slot[], tries: readonly number[]): number {
  let again = 0;
  slots.forEach((slot, index) => {
    const all = tries[index] ?? slot.tries;
    again += Math.max(0, all - Math.max(slot.tries, 1));
    slot.item.tries += all - slot.tries;
    slot.tries = all;
  });
  return again;
}

/** Does the same for the tokens of these requests. */
export function countUsage(slots: readonly Slot[], usage: readonly (TokenUsage | undefined)[]): void {
  slots.forEach((slot, index) => {
    const all = usage[index];
    if (all === undefined) return;
    slot.item.usage = addUsage(usageSince(all, slot.usage), slot.item.usage);
    slot.usage = all;
  });
}
