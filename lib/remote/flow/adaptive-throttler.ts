/** Length of the time window. */
const WINDOW_MILLIS = 60_000;
const BUCKET_MILLIS = 1000;
/** K: requests that can be sent for each that succeeds. A value below 2 would hold requests back for few failures, too. */
const OVERLOAD_RATIO = 2;
/** Failures in a row, over at least OUTAGE_MILLIS, that are an outage. */
const OUTAGE_FAILURES = 10;
const OUTAGE_MILLIS = 5000;

interface Bucket {
  readonly at: number;
  requests: number;
  successes: number;
}

/**
 * Holds requests back from an endpoint that fails: client-side throttling, as in Google's *Site Reliability Engineering*
 * (2016), chapter 21, "Handling Overload". If S of the A requests of the last minute succeeded, the next one is held back
 * with the probability max(0, (A - K·S) / (A + 1)). There are two differences from the book:
 *
 * - A counts the requests that were sent, once their outcome is known. The book and Apache Beam also count those that were
 *   held back. Then nothing would be sent during an outage, nor in the minute after it. Here, with r requests a second to
 *   an endpoint that always fails, A converges to √(60·r): of 12.5/s one in 28 is sent, and the first successes soon make
 *   a difference. Also, a slow endpoint does not count as one that fails.
 * - Ten failures in a row, over five seconds, are an outage. Earlier successes are forgotten, because they would let the
 *   requests of half a minute fail. Failures beyond the ten are forgotten, because they would still count when the endpoint
 *   is back.
 *
 * Simulated with eight engines at 100/s, for outages of one to five minutes: the rate falls to a twentieth within 11 s (one
 * engine: 6 s), and is back at 90 % within 10 s after the outage. Without the second difference it falls after 57 s, and is
 * back 50 s after an outage of one minute.
 *
 * Requests that are refused because of a quota do not count: the pace handles these.
 */
export class AdaptiveThrottler {
  #buckets: Bucket[] = [];
  #requests = 0;
  #successes = 0;
  #failuresInRow = 0;
  #failingSince = -Infinity;
  #isOutage = false;

  succeeded(now: number): void {
    this.#failuresInRow = 0;
    this.#isOutage = false;
    this.#count(now, 1, 1);
  }

  failed(now: number): void {
    if (this.#failuresInRow === 0) this.#failingSince = now;
    this.#failuresInRow += 1;
    this.#count(now, 1, 0);
    if (this.#isOutage || this.#failuresInRow < OUTAGE_FAILURES || now - this.#failingSince < OUTAGE_MILLIS) return;
    this.#isOutage = true;
    this.#buckets = [];
    this.#requests = 0;
    this.#successes = 0;
    this.#count(now, OUTAGE_FAILURES, 0);
  }

  /** Returns the probability with which a request should be held back now. */
  rejection(now: number): number {
    this.#forget(now);
    return Math.max(0, (this.#requests - OVERLOAD_RATIO * this.#successes) / (this.#requests + 1));
  }

  #count(now: number, requests: number, successes: number): void {
    const bucket = this.#bucket(now);
    bucket.requests += requests;
    bucket.successes += successes;
    this.#requests += requests;
    this.#successes += successes;
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
