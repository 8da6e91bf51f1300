/** Time and timers, which tests replace. */
export interface Clock {
  /** Returns milliseconds since a fixed point; never decreases. */
  now(): number;
  setTimeout(callback: () => void, millis: number): unknown;
  clearTimeout(timer: unknown): void;
}

export const SYSTEM_CLOCK: Clock = {
  now: () => performance.now(),
  setTimeout: (callback, millis) => setTimeout(callback, millis),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
};
