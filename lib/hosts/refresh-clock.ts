/** Maximum delay of `setTimeout`, which fires at once for a longer one. */
const MAX_MILLIS = 2 ** 31 - 1;

/** When to look for new versions. */
export interface RefreshClock {
  /** Milliseconds that never go back. */
  now(): number;
  /** @returns what calls it off */
  after(millis: number, call: () => void): () => void;
}

/** It keeps no process alive. */
export const SYSTEM_CLOCK: RefreshClock = {
  now: () => performance.now(),
  after(millis, call) {
    const timer = setTimeout(call, Math.min(millis, MAX_MILLIS)).unref();
    return () => clearTimeout(timer);
  },
};
