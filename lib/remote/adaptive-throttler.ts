/** What is looked back on. */
const WINDOW_MILLIS = 60_000;
const BUCKET_MILLIS = 1000;
/** K: so many requests may be sent for each that succeeds. Below 2 failures that are few are held back too. */
const OVERLOAD_RATIO = 2;

interface Bucket {
  readonly at: number;
  requests: number;
  successes: number;
}

/**
 * Holds requests back from an endpoint that fails: client-side throttling, as in Google's *Site Reliability Engineering*
 * (2016), chapter 21, "Handling Overload". Of A requests of the last minute S succeeded; the next one is held back with
 * the probability max(0, (A - K·S) / (A + 1)).
 *
 * A counts what was really sent, from when its outcome is known. Were those that are held back counted too (the book
 * does, and Apache Beam), nothing would be sent for as long as an outage lasts, nor for the minute after it. Of r requests
 * a second that want to go to an endpoint that always fails, A settles where A = √(60·r): of 12.5/s one in 28 is sent, and
 * the first that succeed are soon a share of A that counts. And as those under way do not count, a slow endpoint is not
 * taken for one that fails.
 *
 * Requests that are refused for a quota are none of its business: the pace sees to these.
 */
export class AdaptiveThrottler {
  readonly #buckets: Bucket[] = [];
  #requests = 0;
  #successes = 0;

  succeeded(now: number): void {
    this.#bucket(now).successes += 1;
    this.#successes += 1;
    this.#count(now);
  }

  failed(now: number): void {
    this.#count(now);
  }

  /** The probability with which a request should be held back now. */
  rejection(now: number): number {
    this.#forget(now);
    return Math.max(0, (this.#requests - OVERLOAD_RATIO * this.#successes) / (this.#requests + 1));
  }

  #count(now: number): void {
    this.#bucket(now).requests += 1;
    this.#requests += 1;
  }

  #bucket(now: number): Bucket {
    this.#forget(now);
    const last = this.#buckets.at(-1);
    if (last !== undefined && now - last.at < BUCKET_MILLIS) return last;
    const bucket: Bucket = { at: now, requests: 0, successes: 0 };
    this.#buckets.push(bucket);
    return bucket;
  }

  #forget(now: number): void {
    for (
      let [oldest] = this.#buckets;
      oldest !== undefined && now - oldest.at >= WINDOW_MILLIS;
      [oldest] = this.#buckets
    ) {
      this.#buckets.shift();
      this.#requests -= oldest.requests;
      this.#successes -= oldest.successes;
    }
  }
}
