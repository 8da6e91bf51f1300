/** How many requests may be under way before anything is known of the endpoint. */
const FIRST_LIMIT = 8;
/** Latency may grow by so much before it counts as waiting in line at the endpoint. */
const TOLERANCE = 1.5;
/** What the limit grows by where there is no line, before smoothing. */
const GROWTH = 4;
const SMOOTHING = 0.2;
/** Samples that the long average looks back on, and the short one. */
const LONG_SAMPLES = 600;
const SHORT_SAMPLES = 10;

/**
 * How many requests may be under way, by their latency: the gradient of Netflix's concurrency-limits (`Gradient2Limit`,
 * github.com/Netflix/concurrency-limits; "Performance Under Load", Netflix Technology Blog, 2018). Where latency stays
 * near its long average the limit grows, by 0.8 an answer: nearly doubles each round trip. Where it rises past 1.5 times
 * that, requests wait in line at the endpoint, and the limit shrinks in proportion. It moves only while it is what limits.
 *
 * Unlike there, the short average is of ten samples and not of one, since a model's latency depends on what it is asked.
 */
export class ConcurrencyLimit {
  readonly #most: number;
  readonly #long = new MovingAverage(LONG_SAMPLES);
  readonly #short = new MovingAverage(SHORT_SAMPLES);
  #limit: number;

  /** @param most it never allows more */
  constructor(most: number) {
    this.#most = most;
    this.#limit = Math.min(FIRST_LIMIT, most);
  }

  get limit(): number {
    return Math.floor(this.#limit);
  }

  /**
   * A request has been answered.
   *
   * @param underWay how many were, this one included
   */
  answered(latencyMillis: number, underWay: number): void {
    const short = this.#short.add(latencyMillis);
    const long = this.#long.add(latencyMillis);
    // The endpoint has become quicker: the long average must not take minutes to know.
    if (long > 2 * short) this.#long.scale(0.95);
    if (underWay < this.#limit / 2) return;
    const gradient = Math.max(0.5, Math.min(1, (TOLERANCE * long) / Math.max(short, 1e-3)));
    const target = this.#limit * gradient + GROWTH;
    this.#limit = Math.min(this.#most, Math.max(1, this.#limit + SMOOTHING * (target - this.#limit)));
  }
}

/** An exponential moving average, of all samples alike until there are as many as it looks back on. */
class MovingAverage {
  readonly #samples: number;
  #count = 0;
  #value = 0;

  constructor(samples: number) {
    this.#samples = samples;
  }

  add(sample: number): number {
    this.#count = Math.min(this.#samples, this.#count + 1);
    this.#value += (sample - this.#value) / this.#count;
    return this.#value;
  }

  scale(factor: number): void {
    this.#value *= factor;
  }
}
