/** The time, so that tests can have their own. */
export interface Clock {
  /** Milliseconds from some fixed point; it never goes back. */
  now(): number;
  setTimeout(callback: () => void, millis: number): unknown;
  clearTimeout(timer: unknown): void;
}

export const SYSTEM_CLOCK: Clock = {
  now: () => performance.now(),
  setTimeout: (callback, millis) => setTimeout(callback, millis),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
};
