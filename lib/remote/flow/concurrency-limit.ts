/** How many requests may be under way before anything is known of the endpoint. */
const FIRST_LIMIT = 8;
/** Latency may be so many times what it is of few requests before they count as waiting in line at the endpoint. */
const TOLERANCE = 1.5;
/** The limit shrinks by no more at once: what was measured may be odd. */
const MIN_GRADIENT = 0.5;
/** The least answers that a latency is the mean of. */
const MIN_SAMPLES = 10;
/** Few are a quarter of the limit. */
const PROBE_SHARE = 0.25;
/** Measurements from one probe to the next: it costs some 3 % of the throughput. */
const PROBE_INTERVAL = 30;

/** A request that was answered, or was not in time. */
export interface TimedAnswer {
  readonly now: number;
  readonly startedAt: number;
  /** How many requests were under way, this one included. */
  readonly underWay: number;
}

/** Answers to requests that started after the limit was last changed: about a round trip's. */
interface Measurement {
  readonly since: number;
  readonly isProbe: boolean;
  answers: number;
  /** Those that came while the limit was reached. */
  hindered: number;
  millis: number;
}

/**
 * How many requests may be under way, by their latency: the gradient of Netflix's concurrency-limits (`GradientLimit`,
 * github.com/Netflix/concurrency-limits; "Performance Under Load", Netflix Technology Blog, 2018), a step each round trip.
 * While latency is less than 1.5 times what it is of few requests, the limit grows: it doubles until this first ends, and
 * later gains its root. Past that, requests wait in line at the endpoint, and it shrinks in proportion. It moves only
 * while it is what limits.
 *
 * As in `GradientLimit`, the latency of few requests is measured anew from time to time, by letting a quarter through.
 * `Gradient2Limit` has a long average in its place, which follows the line that it is to find: simulated, with an endpoint
 * of 4 places, it kept 60 requests under way, at 15 times the latency. This keeps 9, at 2.2 times. Unlike in both, latency
 * is a mean, not one sample or the least of many, since how long a model takes depends on what it is asked.
 */
export class ConcurrencyLimit {
  readonly #most: number;
  #limit: number;
  #isClimbing = true;
  #unhinderedMillis = Infinity;
  #untilProbe = PROBE_INTERVAL;
  #measured = measurement(-Infinity, true);

  /** @param most it never allows more */
  constructor(most: number) {
    this.#most = most;
    this.#limit = Math.min(FIRST_LIMIT, most);
  }

  get limit(): number {
    // The first is a probe of all that is allowed then.
    const isFew = this.#measured.isProbe && this.#unhinderedMillis < Infinity;
    return Math.max(1, Math.floor(this.#limit * (isFew ? PROBE_SHARE : 1)));
  }

  answered({ now, startedAt, underWay }: TimedAnswer): void {
    const measured = this.#measured;
    if (startedAt < measured.since) return;
    measured.answers += 1;
    measured.millis += now - startedAt;
    if (underWay >= this.limit) measured.hindered += 1;
    if (measured.answers < Math.max(MIN_SAMPLES, this.limit)) return;
    const millis = measured.millis / measured.answers;
    if (measured.isProbe) this.#unhinderedMillis = millis;
    else if (2 * measured.hindered >= measured.answers) this.#adjust(millis);
    const isProbe = this.#untilProbe === 0;
    if (isProbe) this.#untilProbe = PROBE_INTERVAL;
    this.#measured = measurement(now, isProbe);
  }

  /** A request failed. Where that was sooner than answers come, it says nothing of these. */
  failed(answer: TimedAnswer): void {
    if (answer.now - answer.startedAt > this.#unhinderedMillis) this.answered(answer);
  }

  #adjust(millis: number): void {
    this.#untilProbe -= 1;
    const gradient = Math.max(MIN_GRADIENT, Math.min(1, (TOLERANCE * this.#unhinderedMillis) / Math.max(millis, 1e-3)));
    if (gradient < 1) this.#isClimbing = false;
    const limit = this.#isClimbing ? 2 * this.#limit : this.#limit * gradient + Math.sqrt(this.#limit);
    this.#limit = Math.min(this.#most, Math.max(1, limit));
  }
}

function measurement(since: number, isProbe: boolean): Measurement {
  return { since, isProbe, answers: 0, hindered: 0, millis: 0 };
}
