import type { RateLimit } from './rate-limit.ts';

const UNIT_MILLIS = { second: 1000, minute: 60_000 } as const;

/** What a bucket holds, as a time: that much of the limit may be used at once. */
const BURST_MILLIS = 1000;

/**
 * One declared limit on requests or on weight. It fills evenly and holds what a second brings, so that a limit a minute is
 * not spent in the minute's first second, where it is least likely that the endpoint counts the same minutes. What costs
 * more than it holds goes when it is full, and leaves a debt.
 */
export class TokenBucket {
  #perMilli: number;
  #capacity: number;
  #tokens: number;
  #at: number;

  /** @param perMilli the tokens that come in a millisecond. It starts full. */
  constructor(perMilli: number, now: number) {
    this.#perMilli = perMilli;
    this.#capacity = capacityOf(perMilli);
    this.#tokens = this.#capacity;
    this.#at = now;
  }

  /** Milliseconds until a request of this cost may start; 0: now. */
  waitMillis(cost: number, now: number): number {
    this.#fill(now);
    const missing = Math.min(cost, this.#capacity) - this.#tokens;
    // Past what a sum of fractions can be wrong by.
    return missing <= 1e-9 * this.#capacity ? 0 : missing / this.#perMilli;
  }

  /** A request of this cost starts. */
  take(cost: number, now: number): void {
    this.#fill(now);
    this.#tokens -= cost;
  }

  /** From now on so many come in a millisecond. */
  setRate(perMilli: number, now: number): void {
    this.#fill(now);
    this.#perMilli = perMilli;
    this.#capacity = capacityOf(perMilli);
    this.#tokens = Math.min(this.#tokens, this.#capacity);
  }

  #fill(now: number): void {
    this.#tokens = Math.min(this.#capacity, this.#tokens + (now - this.#at) * this.#perMilli);
    this.#at = now;
  }
}

/** One token at least, or no request would ever start of its own. */
function capacityOf(perMilli: number): number {
  return Math.max(1, perMilli * BURST_MILLIS);
}

/** The buckets of all declared limits: a request starts when every one of them lets it. */
export class DeclaredLimits {
  readonly #limits: readonly { readonly perMilli: number; readonly counts: 'requests' | 'weight' }[];
  readonly #buckets: readonly TokenBucket[];

  constructor(limits: readonly RateLimit[], now: number) {
    this.#limits = limits.flatMap(({ requests, weight, per }) => [
      ...(requests === undefined ? [] : [{ perMilli: requests / UNIT_MILLIS[per], counts: 'requests' as const }]),
      ...(weight === undefined ? [] : [{ perMilli: weight / UNIT_MILLIS[per], counts: 'weight' as const }]),
    ]);
    this.#buckets = this.#limits.map(({ perMilli }) => new TokenBucket(perMilli, now));
  }

  /** From now on so many engines share the limits. */
  share(fleet: number, now: number): void {
    this.#limits.forEach(({ perMilli }, at) => this.#buckets[at]?.setRate(perMilli / fleet, now));
  }

  waitMillis(weight: number, now: number): number {
    return Math.max(0, ...this.#buckets.map((bucket, at) => bucket.waitMillis(this.#costOf(at, weight), now)));
  }

  take(weight: number, now: number): void {
    this.#buckets.forEach((bucket, at) => bucket.take(this.#costOf(at, weight), now));
  }

  /** What one request of a weight costs of a limit. */
  #costOf(at: number, weight: number): number {
    return this.#limits[at]?.counts === 'weight' ? weight : 1;
  }
}
