/** Maximum number of in-flight requests before the endpoint is known. */
const FIRST_LIMIT = 8;
/** Ratio of latency to the latency of few requests, from which requests count as waiting in the endpoint's queue. */
const TOLERANCE = 1.5;
/** The limit shrinks to at least this share in one step, because a measurement may be an outlier. */
const MIN_GRADIENT = 0.5;
/** Minimum number of answers that a mean latency is computed from. */
const MIN_SAMPLES = 10;
/** Share of the limit that counts as few requests. */
const PROBE_SHARE = 0.25;
/** Measurements between two probes. Probes cost about 3 % of the throughput. */
const PROBE_INTERVAL = 30;

/** A request that was answered or timed out. */
export interface TimedAnswer {
  readonly now: number;
  readonly startedAt: number;
  /** Number of in-flight requests, including this one. */
  readonly inFlight: number;
}

/** Answers to requests that started after the last change of the limit: those of about one round trip. */
interface Measurement {
  readonly since: number;
  readonly isProbe: boolean;
  answers: number;
  /** Answers that came while the limit was reached. */
  hindered: number;
  millis: number;
}

/**
 * Limits the number of in-flight requests by their latency, with one step per round trip: the gradient of Netflix's
 * concurrency-limits (`GradientLimit`, github.com/Netflix/concurrency-limits; "Performance Under Load", Netflix Technology
 * Blog, 2018). While latency is less than 1.5 times the latency of few requests, the limit grows: it doubles in each step
 * at first, and grows by its square root once latency has been higher. When latency is higher, requests wait in the
 * endpoint's queue, and the limit shrinks in proportion. It changes only while it is what limits the requests.
 *
 * As in `GradientLimit`, the latency of few requests is measured again from time to time, by allowing a quarter of the
 * limit. `Gradient2Limit` uses a long-term average instead, which includes the queue that it should detect: simulated with
 * an endpoint that serves 4 requests at once, it kept 60 in flight, at 15 times the latency. This class keeps 9, at 2.2
 * times. Unlike in both, latency is a mean and not one sample or the minimum, because the time that a model needs depends
 * on its input.
 */
export class ConcurrencyLimit {
  readonly #max: number;
  #limit: number;
  #isClimbing = true;
  #unhinderedMillis = Infinity;
  #untilProbe = PROBE_INTERVAL;
  #measured = measurement(-Infinity, true);

  /** @param max upper bound of the limit */
  constructor(max: number) {
    this.#max = max;
    this.#limit = Math.min(FIRST_LIMIT, max);
  }

  get limit(): number {
    // The first measurement is a probe, too, with all requests that are allowed then.
    const isFew = this.#measured.isProbe && this.#unhinderedMillis < Infinity;
    return Math.max(1, Math.floor(this.#limit * (isFew ? PROBE_SHARE : 1)));
  }

  answered({ now, startedAt, inFlight }: TimedAnswer): void {
    const measured = this.#measured;
    if (startedAt < measured.since) return;
    measured.answers += 1;
    measured.millis += now - startedAt;
    if (inFlight >= this.limit) measured.hindered += 1;
    if (measured.answers < Math.max(MIN_SAMPLES, this.limit)) return;
    const millis = measured.millis / measured.answers;
    if (measured.isProbe) this.#unhinderedMillis = millis;
    else if (2 * measured.hindered >= measured.answers) this.#adjust(millis);
    const isProbe = this.#untilProbe === 0;
    if (isProbe) this.#untilProbe = PROBE_INTERVAL;
    this.#measured = measurement(now, isProbe);
  }

  /** Records a failed request. One that failed faster than answers come does not count. */
  failed(answer: TimedAnswer): void {
    if (answer.now - answer.startedAt > this.#unhinderedMillis) this.answered(answer);
  }

  #adjust(millis: number): void {
    this.#untilProbe -= 1;
    const gradient = Math.max(MIN_GRADIENT, Math.min(1, (TOLERANCE * this.#unhinderedMillis) / Math.max(millis, 1e-3)));
    if (gradient < 1) this.#isClimbing = false;
    const limit = this.#isClimbing ? 2 * this.#limit : this.#limit * gradient + Math.sqrt(this.#limit);
    this.#limit = Math.min(this.#max, Math.max(1, limit));
  }
}

function measurement(since: number, isProbe: boolean): Measurement {
  return { since, isProbe, answers: 0, hindered: 0, millis: 0 };
}
