import type { Clock } from '../../lib/time/clock.ts';

/** A clock that is faster than the real one by a factor, for waits of the engine itself. */
const SPEED = 20;

export const QUICK_CLOCK: Clock = {
  now: () => performance.now() * SPEED,
  setTimeout: (callback, millis) => setTimeout(callback, millis / SPEED),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
};
