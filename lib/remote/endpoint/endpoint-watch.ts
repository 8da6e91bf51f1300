/** Throttling that comes again after so long lasts. */
const LASTING_MILLIS = 10_000;
/** Throttles further apart than this have nothing to do with each other. */
const APART_MILLIS = 60_000;
/** So many failures in a row, over so long, are an outage. */
const OUTAGE_FAILURES = 10;
const OUTAGE_MILLIS = 10_000;
/** The least time between two warnings of a kind. */
const WARNING_MILLIS = 600_000;

export interface EndpointWatchOptions {
  /** What messages call it. */
  readonly endpoint: string;
  readonly onWarning: (message: string) => void;
}

/** Tells what a user should know of an endpoint, once: that it goes on throttling, fails altogether, answers again. */
export class EndpointWatch {
  readonly #endpoint: string;
  readonly #onWarning: (message: string) => void;
  /** The first throttle of those that are not far apart, and the last. */
  #throttledSince = -Infinity;
  #throttledAt = -Infinity;
  #toldOfThrottlingAt = -Infinity;
  #failures = 0;
  #failingSince = -Infinity;
  #toldOfOutageAt = -Infinity;
  #isOutageTold = false;
  #isSingleTold = false;

  constructor({ endpoint, onWarning }: EndpointWatchOptions) {
    this.#endpoint = endpoint;
    this.#onWarning = onWarning;
  }

  /** @param ratePerSec the pace now */
  throttled(now: number, ratePerSec: number): void {
    this.#answered(now);
    if (now - this.#throttledAt > APART_MILLIS) this.#throttledSince = now;
    this.#throttledAt = now;
    if (now - this.#throttledSince < LASTING_MILLIS || now - this.#toldOfThrottlingAt < WARNING_MILLIS) return;
    this.#toldOfThrottlingAt = now;
    this.#onWarning(
      `${this.#endpoint} goes on throttling: batches wait for it, at ${shownRate(ratePerSec)} now; where its quota is known, 'rateLimits' keeps requests within it from the start`,
    );
  }

  succeeded(now: number): void {
    this.#answered(now);
  }

  failed(now: number, error: Error): void {
    if (this.#failures === 0) this.#failingSince = now;
    this.#failures += 1;
    const millis = now - this.#failingSince;
    if (this.#isOutageTold || this.#failures < OUTAGE_FAILURES || millis < OUTAGE_MILLIS) return;
    if (now - this.#toldOfOutageAt < WARNING_MILLIS) return;
    this.#toldOfOutageAt = now;
    this.#isOutageTold = true;
    this.#onWarning(
      `${this.#endpoint} fails altogether: none of the last ${this.#failures} requests, over ${seconds(millis)}, was answered (the last: ${error.name}); only few are made until it answers again`,
    );
  }

  /** Records that it gave one result for a batch of several. */
  gaveOne(size: number): void {
    if (this.#isSingleTold) return;
    this.#isSingleTold = true;
    this.#onWarning(
      `${this.#endpoint} gave one result for a batch of ${size}: the batch is asked for again in parts; where it takes one element at a time, set maxBatchSize: 1`,
    );
  }

  #answered(now: number): void {
    this.#failures = 0;
    if (!this.#isOutageTold) return;
    this.#isOutageTold = false;
    this.#onWarning(`${this.#endpoint} answers again, after ${seconds(now - this.#failingSince)}`);
  }
}

function shownRate(perSec: number): string {
  return perSec >= 1
    ? `${Number(perSec.toPrecision(2))} requests a second`
    : `one request in ${seconds(1000 / perSec)}`;
}

function seconds(millis: number): string {
  return `${Math.round(millis / 1000)} s`;
}
