/** Time after which throttling that occurs again counts as lasting. */
const LASTING_MILLIS = 10_000;
/** Distance in time from which two throttled requests are unrelated. */
const APART_MILLIS = 60_000;
/** Failures in a row, over at least OUTAGE_MILLIS, that are an outage. */
const OUTAGE_FAILURES = 10;
const OUTAGE_MILLIS = 10_000;
/** Minimum time between two warnings of a kind. */
const WARNING_MILLIS = 600_000;

export interface EndpointWatchOptions {
  /** Name of the endpoint in messages. */
  readonly endpoint: string;
  readonly onWarning: (message: string) => void;
}

/** Warns a user once about an endpoint: that it keeps throttling, fails on all requests, or answers again. */
export class EndpointWatch {
  readonly #endpoint: string;
  readonly #onWarning: (message: string) => void;
  /** Times of the first and the last throttled request of those that are not far apart. */
  #throttledSince = -Infinity;
  #throttledAt = -Infinity;
  #warnedOfThrottlingAt = -Infinity;
  #failures = 0;
  #failingSince = -Infinity;
  #warnedOfOutageAt = -Infinity;
  #isOutageReported = false;
  #isSingleReported = false;

  constructor({ endpoint, onWarning }: EndpointWatchOptions) {
    this.#endpoint = endpoint;
    this.#onWarning = onWarning;
  }

  /** @param ratePerSec the current pace */
  throttled(now: number, ratePerSec: number): void {
    this.#answered(now);
    if (now - this.#throttledAt > APART_MILLIS) this.#throttledSince = now;
    this.#throttledAt = now;
    if (now - this.#throttledSince < LASTING_MILLIS || now - this.#warnedOfThrottlingAt < WARNING_MILLIS) return;
    this.#warnedOfThrottlingAt = now;
    this.#onWarning(
      `${this.#endpoint} keeps throttling: batches wait, the current rate is ${shownRate(ratePerSec)}; if its quota is known, set 'rateLimits' to stay within it from the start`,
    );
  }

  succeeded(now: number): void {
    this.#answered(now);
  }

  failed(now: number, error: Error): void {
    if (this.#failures === 0) this.#failingSince = now;
    this.#failures += 1;
    const millis = now - this.#failingSince;
    if (this.#isOutageReported || this.#failures < OUTAGE_FAILURES || millis < OUTAGE_MILLIS) return;
    if (now - this.#warnedOfOutageAt < WARNING_MILLIS) return;
    this.#warnedOfOutageAt = now;
    this.#isOutageReported = true;
    this.#onWarning(
      `${this.#endpoint} is down: the last ${this.#failures} requests, over ${seconds(millis)}, all failed (the last with ${error.name}); only few requests are made until it answers again`,
    );
  }

  /** Records that it returned one result for a batch of several elements. */
  gaveOne(size: number): void {
    if (this.#isSingleReported) return;
    this.#isSingleReported = true;
    this.#onWarning(
      `${this.#endpoint} returned one result for a batch of ${size}: the batch is requested again in parts; if the endpoint accepts one element at a time, set maxBatchSize: 1`,
    );
  }

  #answered(now: number): void {
    this.#failures = 0;
    if (!this.#isOutageReported) return;
    this.#isOutageReported = false;
    this.#onWarning(`${this.#endpoint} answers again, after ${seconds(now - this.#failingSince)}`);
  }
}

function shownRate(perSec: number): string {
  return perSec >= 1
    ? `${Number(perSec.toPrecision(2))} requests per second`
    : `one request in ${seconds(1000 / perSec)}`;
}

function seconds(millis: number): string {
  return `${Math.round(millis / 1000)} s`;
}
