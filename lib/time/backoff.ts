export interface BackoffOptions {
  /** Maximum of the first wait, in milliseconds. @default 1000 */
  readonly firstMillis?: number;
  /** Maximum of any wait, in milliseconds. @default 60000 */
  readonly maxMillis?: number;
}

const FACTOR = 2;

/**
 * The wait before the next try: exponential, with full jitter, because callers that failed together must not retry
 * together (Marc Brooker, *Exponential Backoff And Jitter*, AWS Architecture Blog, 2015). It is immutable: `next` returns
 * the backoff of the try after that.
 */
export class Backoff {
  /** Exclusive upper bound of the wait. */
  readonly ceilingMillis: number;
  readonly #maxMillis: number;

  constructor({ firstMillis = 1000, maxMillis = 60_000 }: BackoffOptions = {}) {
    this.#maxMillis = maxMillis;
    this.ceilingMillis = Math.min(firstMillis, maxMillis);
  }

  next(): Backoff {
    return new Backoff({ firstMillis: this.ceilingMillis * FACTOR, maxMillis: this.#maxMillis });
  }

  /** @param minMillis the wait that the endpoint requested; jitter is added, because all callers got the same request */
  delayMillis(random: () => number, minMillis = 0): number {
    return minMillis + random() * this.ceilingMillis;
  }
}
