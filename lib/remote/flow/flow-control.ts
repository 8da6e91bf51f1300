import { AdaptiveThrottler } from './adaptive-throttler.ts';
import { ConcurrencyLimit } from './concurrency-limit.ts';
import { LearnedPace } from './learned-pace.ts';
import type { RateLimit } from './rate-limit.ts';
import { DeclaredLimits } from './token-bucket.ts';

export interface FlowControlOptions {
  /** The most requests under way at once. */
  readonly maxConcurrency: number;
  /** @default none */
  readonly rateLimits?: readonly RateLimit[];
  /** The time it starts at. */
  readonly now: number;
  /** From 0 to 1, below 1. @default Math.random */
  readonly random?: () => number;
}

/** A request that has ended: when it started, and when that was known. */
export interface EndedRequest {
  readonly now: number;
  readonly startedAt: number;
  /** How long the endpoint asks to be left alone. */
  readonly retryAfterMillis?: number;
}

/**
 * Decides when requests to an endpoint may start, from how those before went. Without promises or timers: who has a request
 * asks {@link tryStart} for it, again after the wait that it was given, and reports its end by exactly one of
 * {@link succeeded}, {@link refused}, {@link throttled}, {@link failed} and {@link abandoned}. Times are milliseconds that
 * never go back.
 *
 * A request starts when there is room under the concurrency limit, every declared limit has what it costs, the learned pace
 * is due, and the adaptive throttler does not hold it back.
 */
export class FlowControl {
  readonly #random: () => number;
  readonly #concurrency: ConcurrencyLimit;
  readonly #declared: DeclaredLimits;
  readonly #pace: LearnedPace;
  readonly #throttler = new AdaptiveThrottler();
  #underWay = 0;
  /** Nothing starts before: the endpoint failed and said for how long. */
  #failingUntil = -Infinity;

  constructor({ maxConcurrency, rateLimits = [], now, random = Math.random }: FlowControlOptions) {
    this.#random = random;
    this.#concurrency = new ConcurrencyLimit(maxConcurrency);
    this.#declared = new DeclaredLimits(rateLimits, now);
    this.#pace = new LearnedPace(random);
  }

  /** Requests a second that the pace allows. */
  get ratePerSec(): number {
    return this.#pace.ratePerSec;
  }

  get underWay(): number {
    return this.#underWay;
  }

  /** How many requests may be under way. */
  get concurrencyLimit(): number {
    return this.#concurrency.limit;
  }

  /**
   * Starts a request if one of this weight may start now.
   *
   * @returns 0 where it has started, otherwise the milliseconds after which to ask again; Infinity: when one has ended.
   */
  tryStart(now: number, weight: number): number {
    if (this.#underWay >= this.#concurrency.limit) return Infinity;
    const wait = Math.max(this.#failingUntil - now, this.#declared.waitMillis(weight, now));
    if (wait > 0) return wait;
    const paced = this.#pace.waitMillis(now);
    if (paced > 0) return paced;
    this.#pace.take(now);
    // The turn is lost: held back requests come at the pace too.
    if (this.#random() < this.#throttler.rejection(now)) return Math.max(1, this.#pace.waitMillis(now));
    this.#declared.take(weight, now);
    this.#underWay += 1;
    return 0;
  }

  /**
   * The wait of the first in line that is certain already, in milliseconds: for a pause that the endpoint asked for, and for
   * declared limits.
   */
  foreseenWaitMillis(now: number, weight: number): number {
    const pause = Math.max(this.#failingUntil, this.#pace.pausedUntil) - now;
    return Math.max(0, pause, this.#declared.waitMillis(weight, now));
  }

  succeeded({ now, startedAt }: EndedRequest): void {
    this.#concurrency.answered({ now, startedAt, underWay: this.#underWay });
    this.#underWay -= 1;
    this.#throttler.succeeded(now);
    this.#pace.succeeded();
  }

  /** The endpoint is well, but does not take what it was asked. */
  refused({ now }: EndedRequest): void {
    this.#underWay -= 1;
    this.#throttler.succeeded(now);
    this.#pace.succeeded();
  }

  /** The endpoint refused it for its quota. */
  throttled({ now, startedAt, retryAfterMillis }: EndedRequest): void {
    this.#underWay -= 1;
    this.#pace.throttled(now, startedAt, retryAfterMillis);
  }

  /** The endpoint failed, did not answer in time, or could not be reached. */
  failed({ now, startedAt, retryAfterMillis = 0 }: EndedRequest): void {
    this.#concurrency.failed({ now, startedAt, underWay: this.#underWay });
    this.#underWay -= 1;
    this.#throttler.failed(now);
    this.#failingUntil = Math.max(this.#failingUntil, now + retryAfterMillis);
  }

  /** It was given up, and says nothing of the endpoint. */
  abandoned(): void {
    this.#underWay -= 1;
  }

  /** Declared limits are shared by so many engines. */
  shareLimits(now: number, fleet: number): void {
    this.#declared.share(fleet, now);
  }
}
