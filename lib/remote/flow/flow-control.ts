import { AdaptiveThrottler } from './adaptive-throttler.ts';
import { ConcurrencyLimit } from './concurrency-limit.ts';
import { LearnedPace } from './learned-pace.ts';
import type { RateLimit } from './rate-limit.ts';
import { DeclaredLimits } from './token-bucket.ts';

export interface FlowControlOptions {
  /** Maximum number of in-flight requests. */
  readonly maxConcurrency: number;
  /** @default none */
  readonly rateLimits?: readonly RateLimit[];
  /** Start time. */
  readonly now: number;
  /** Random numbers from 0 to below 1. @default Math.random */
  readonly random?: () => number;
}

/** A request that has ended: its start, and the time at which its end was known. */
export interface EndedRequest {
  readonly now: number;
  readonly startedAt: number;
  /** Time for which the endpoint asks not to be called. */
  readonly retryAfterMillis?: number;
}

/**
 * Decides when requests to an endpoint can start, from the outcomes of earlier requests. It has no promises or timers: the
 * caller calls {@link tryStart} for a request, calls it again after the wait that was returned, and reports the request's
 * end by exactly one of {@link succeeded}, {@link refused}, {@link throttled}, {@link failed} and {@link abandoned}. Times
 * are milliseconds that never go back.
 *
 * A request starts if the concurrency limit is not reached, every declared limit has enough left for its cost, the learned
 * pace allows it, and the adaptive throttler does not hold it back.
 */
export class FlowControl {
  readonly #random: () => number;
  readonly #concurrency: ConcurrencyLimit;
  readonly #declared: DeclaredLimits;
  readonly #pace: LearnedPace;
  readonly #throttler = new AdaptiveThrottler();
  #inFlight = 0;
  /** No request starts before this time: the endpoint failed and asked to wait. */
  #failingUntil = -Infinity;

  constructor({ maxConcurrency, rateLimits = [], now, random = Math.random }: FlowControlOptions) {
    this.#random = random;
    this.#concurrency = new ConcurrencyLimit(maxConcurrency);
    this.#declared = new DeclaredLimits(rateLimits, now);
    this.#pace = new LearnedPace(random);
  }

  /** Requests per second that the pace allows. */
  get ratePerSec(): number {
    return this.#pace.ratePerSec;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Maximum number of in-flight requests. */
  get concurrencyLimit(): number {
    return this.#concurrency.limit;
  }

  /**
   * Starts a request of this weight if it can start now.
   *
   * @returns 0 if it has started, otherwise the milliseconds after which to call again; Infinity: when a request has ended.
   */
  tryStart(now: number, weight: number): number {
    if (this.#inFlight >= this.#concurrency.limit) return Infinity;
    const wait = Math.max(this.#failingUntil - now, this.#declared.waitMillis(weight, now));
    if (wait > 0) return wait;
    const paced = this.#pace.waitMillis(now);
    if (paced > 0) return paced;
    this.#pace.useTurn(now);
    // The turn is lost, because requests that are held back also follow the pace.
    if (this.#random() < this.#throttler.rejection(now)) return Math.max(1, this.#pace.waitMillis(now));
    this.#declared.charge(weight, now);
    this.#inFlight += 1;
    return 0;
  }

  /**
   * Returns the milliseconds for which a request of this weight certainly has to wait: for a pause that the endpoint asked
   * for, and for declared limits.
   */
  foreseenWaitMillis(now: number, weight: number): number {
    const pause = Math.max(this.#failingUntil, this.#pace.pausedUntil) - now;
    return Math.max(0, pause, this.#declared.waitMillis(weight, now));
  }

  succeeded({ now, startedAt }: EndedRequest): void {
    this.#concurrency.answered({ now, startedAt, inFlight: this.#inFlight });
    this.#inFlight -= 1;
    this.#throttler.succeeded(now);
    this.#pace.succeeded();
  }

  /** The endpoint works, but refused the content of the request. */
  refused({ now }: EndedRequest): void {
    this.#inFlight -= 1;
    this.#throttler.succeeded(now);
    this.#pace.succeeded();
  }

  /** The endpoint refused the request because of its quota. */
  throttled({ now, startedAt, retryAfterMillis }: EndedRequest): void {
    this.#inFlight -= 1;
    this.#pace.throttled(now, startedAt, retryAfterMillis);
  }

  /** The endpoint failed, did not answer in time, or could not be reached. */
  failed({ now, startedAt, retryAfterMillis = 0 }: EndedRequest): void {
    this.#concurrency.failed({ now, startedAt, inFlight: this.#inFlight });
    this.#inFlight -= 1;
    this.#throttler.failed(now);
    this.#failingUntil = Math.max(this.#failingUntil, now + retryAfterMillis);
  }

  /** The request was cancelled, which reveals nothing about the endpoint. */
  abandoned(): void {
    this.#inFlight -= 1;
  }

  /** Sets the number of engines that share the declared limits. */
  shareLimits(now: number, fleet: number): void {
    this.#declared.share(fleet, now);
  }
}
