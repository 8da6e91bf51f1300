export interface BackoffOptions {
  /** The most that the first wait takes, in milliseconds. @default 1000 */
  readonly firstMillis?: number;
  /** The most that any takes. @default 60000 */
  readonly mostMillis?: number;
}

const FACTOR = 2;

/**
 * How long to wait before the next try: exponential, with full jitter, since callers that failed together must not come
 * again together (Marc Brooker, *Exponential Backoff And Jitter*, AWS Architecture Blog, 2015). A value: `next` gives
 * that of the try after.
 */
export class Backoff {
  /** The wait is less than this. */
  readonly ceilingMillis: number;
  readonly #mostMillis: number;

  constructor({ firstMillis = 1000, mostMillis = 60_000 }: BackoffOptions = {}) {
    this.#mostMillis = mostMillis;
    this.ceilingMillis = Math.min(firstMillis, mostMillis);
  }

  next(): Backoff {
    return new Backoff({ firstMillis: this.ceilingMillis * FACTOR, mostMillis: this.#mostMillis });
  }

  /** @param atLeastMillis what the endpoint asked for; the jitter comes on top, as it asked everyone alike */
  delayMillis(random: () => number, atLeastMillis = 0): number {
    return atLeastMillis + random() * this.ceilingMillis;
  }
}
