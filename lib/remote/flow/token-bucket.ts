import type { RateLimit } from './rate-limit.ts';
import { RateWindow } from './rate-window.ts';

const UNIT_MILLIS = { second: 1000, minute: 60_000 } as const;

/** Capacity of a bucket, as the time whose tokens can be used at once: a tenth of a second for a limit per second. */
const BURST_MILLIS = { second: 100, minute: 1000 } as const;

/**
 * Spreads one declared limit on requests or on weight over its time. It fills evenly and holds little, so that a limit
 * per minute is not spent in the minute's first second. A request that costs more than it holds starts when it is full,
 * and leaves a debt.
 */
export class TokenBucket {
  #perMilli: number;
  #capacity: number;
  #tokens: number;
  #at: number;
  readonly #burstMillis: number;

  /** @param perMilli tokens added per millisecond. It starts full, with the tokens of `burstMillis`. */
  constructor(perMilli: number, burstMillis: number, now: number) {
    this.#perMilli = perMilli;
    this.#burstMillis = burstMillis;
    this.#capacity = this.#capacityAt(perMilli);
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
    this.#capacity = this.#capacityAt(perMilli);
    this.#tokens = Math.min(this.#tokens, this.#capacity);
  }

  #fill(now: number): void {
    this.#tokens = Math.min(this.#capacity, this.#tokens + (now - this.#at) * this.#perMilli);
    this.#at = now;
  }

  /** At least one token, or no request would ever start. */
  #capacityAt(perMilli: number): number {
    return Math.max(1, perMilli * this.#burstMillis);
  }
}

/** One declared limit: a bucket spreads it evenly, and a window enforces it exactly. */
class DeclaredLimit {
  readonly #most: number;
  readonly #counts: 'requests' | 'weight';
  readonly #millis: number;
  readonly #bucket: TokenBucket;
  readonly #window: RateWindow;

  constructor(most: number, counts: 'requests' | 'weight', { per, now }: { per: RateLimit['per']; now: number }) {
    this.#most = most;
    this.#counts = counts;
    this.#millis = UNIT_MILLIS[per];
    this.#bucket = new TokenBucket(most / this.#millis, BURST_MILLIS[per], now);
    this.#window = new RateWindow(most, this.#millis);
  }

  share(fleet: number, now: number): void {
    const most = this.#most / fleet;
    this.#bucket.setRate(most / this.#millis, now);
    this.#window.setLimit(most, this.#millis);
  }

  waitMillis(weight: number, now: number): number {
    const cost = this.#costOf(weight);
    return Math.max(this.#bucket.waitMillis(cost, now), this.#window.waitMillis(cost, now));
  }

  take(weight: number, now: number): void {
    const cost = this.#costOf(weight);
    this.#bucket.take(cost, now);
    this.#window.take(cost, now);
  }

  #costOf(weight: number): number {
    return this.#counts === 'weight' ? weight : 1;
  }
}

/** All declared limits: a request starts when every one of them allows it. */
export class DeclaredLimits {
  readonly #limits: readonly DeclaredLimit[];

  constructor(limits: readonly RateLimit[], now: number) {
    this.#limits = limits.flatMap(({ requests, weight, per }) => [
      ...(requests === undefined ? [] : [new DeclaredLimit(requests, 'requests', { per, now })]),
      ...(weight === undefined ? [] : [new DeclaredLimit(weight, 'weight', { per, now })]),
    ]);
  }

  /** Sets the number of engines that share the limits. */
  share(fleet: number, now: number): void {
    for (const limit of this.#limits) limit.share(fleet, now);
  }

  waitMillis(weight: number, now: number): number {
    return Math.max(0, ...this.#limits.map((limit) => limit.waitMillis(weight, now)));
  }

  take(weight: number, now: number): void {
    for (const limit of this.#limits) limit.take(weight, now);
  }
}
