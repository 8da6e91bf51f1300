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

  /** Returns the milliseconds until a request of this cost can start; 0: now. */
  waitMillis(cost: number, now: number): number {
    this.#fill(now);
    const missing = Math.min(cost, this.#capacity) - this.#tokens;
    // Larger than the rounding error of a sum of fractions.
    return missing <= 1e-9 * this.#capacity ? 0 : missing / this.#perMilli;
  }

  /** Removes the tokens of a request of this cost that starts now. */
  charge(cost: number, now: number): void {
    this.#fill(now);
    this.#tokens -= cost;
  }

  /** Sets the number of tokens added per millisecond from now on. */
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
  readonly #max: number;
  readonly #counts: 'requests' | 'weight';
  readonly #millis: number;
  readonly #bucket: TokenBucket;
  readonly #window: RateWindow;

  constructor(max: number, counts: 'requests' | 'weight', { per, now }: { per: RateLimit['per']; now: number }) {
    this.#max = max;
    this.#counts = counts;
    this.#millis = UNIT_MILLIS[per];
    this.#bucket = new TokenBucket(max / this.#millis, BURST_MILLIS[per], now);
    this.#window = new RateWindow(max, this.#millis);
  }

  share(fleet: number, now: number): void {
    const max = this.#max / fleet;
    this.#bucket.setRate(max / this.#millis, now);
    this.#window.setLimit(max, this.#millis);
  }

  waitMillis(weight: number, now: number): number {
    const cost = this.#costOf(weight);
    return Math.max(this.#bucket.waitMillis(cost, now), this.#window.waitMillis(cost, now));
  }

  charge(weight: number, now: number): void {
    const cost = this.#costOf(weight);
    this.#bucket.charge(cost, now);
    this.#window.charge(cost, now);
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

  charge(weight: number, now: number): void {
    for (const limit of this.#limits) limit.charge(weight, now);
  }
}
