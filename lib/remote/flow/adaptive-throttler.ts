/** What is looked back on. */
const WINDOW_MILLIS = 60_000;
const BUCKET_MILLIS = 1000;
/** K: so many requests may be sent for each that succeeds. Below 2 failures that are few are held back too. */
const OVERLOAD_RATIO = 2;
/** So many failures in a row, over so long, are an outage. */
const OUTAGE_FAILURES = 10;
const OUTAGE_MILLIS = 5000;

interface Bucket {
  readonly at: number;
  requests: number;
  successes: number;
}

/**
 * Holds requests back from an endpoint that fails: client-side throttling, as in Google's *Site Reliability Engineering*
 * (2016), chapter 21, "Handling Overload". Of A requests of the last minute S succeeded; the next one is held back with
 * the probability max(0, (A - K·S) / (A + 1)). Two things are not as in the book:
 *
 * - A counts what was really sent, from when its outcome is known. Were those that are held back counted too, as the book
 *   and Apache Beam do, nothing would be sent for as long as an outage lasts, nor for the minute after it. Of r requests a
 *   second that want to go to an endpoint that always fails, A settles where A = √(60·r): of 12.5/s one in 28 is sent, and
 *   the first successes soon count for something. And an endpoint that is slow is not taken for one that fails.
 * - Ten failures in a row, over five seconds, are an outage: the successes before are forgotten, which would let half a
 *   minute's requests go on failing, and so are failures past the ten, which would still count when the endpoint is back.
 *
 * Simulated with eight engines at 100/s, for outages of one to five minutes: the rate is down by 20 times within 11 s (one
 * engine: 6 s), and back at 90 % within 10 s of the endpoint. Without the second difference it is down after 57 s, and
 * back after 50 s where the outage lasted a minute.
 *
 * Requests that are refused for a quota are none of its business: the pace sees to these.
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

  /** The probability with which a request should be held back now. */
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
