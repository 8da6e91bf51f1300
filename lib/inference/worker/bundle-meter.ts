import type { Measures } from '../measures.ts';

/** One batch that a model or an endpoint has answered. */
export interface MeasuredBatch {
  readonly size: number;
  /** Time until the answer came, in milliseconds. */
  readonly millis: number;
  /** Time that the model took of it, in milliseconds. @default all of it */
  readonly inferenceMillis?: number | undefined;
  readonly paddingShare?: number | undefined;
}

/** Measures the work on one bundle, in its worker. */
export class BundleMeter {
  #batchSizes: number[] = [];
  #inferenceMillis = 0;
  #waitMillis = 0;
  #loadMillis = 0;
  #paddedBatches = 0;
  #paddingShares = 0;
  #retries = 0;
  #firstAt = timeNow();

  addBatch({ size, millis, inferenceMillis = millis, paddingShare }: MeasuredBatch): void {
    const index = Math.max(0, Math.floor(Math.log2(size)));
    while (this.#batchSizes.length <= index) this.#batchSizes.push(0);
    this.#batchSizes[index] = (this.#batchSizes[index] ?? 0) + 1;
    this.#inferenceMillis += inferenceMillis;
    this.#waitMillis += Math.max(0, millis - inferenceMillis);
    if (paddingShare === undefined) return;
    this.#paddedBatches += 1;
    this.#paddingShares += paddingShare;
  }

  addRetries(count: number): void {
    this.#retries += count;
  }

  /** Waits for a model, and measures the time. */
  async loaded<T>(model: Promise<T>): Promise<T> {
    const startedAt = performance.now();
    try {
      return await model;
    } finally {
      this.#loadMillis += performance.now() - startedAt;
    }
  }

  /** Returns what was measured since the last call. */
  drain(): Measures {
    const measures: Measures = {
      batchSizes: this.#batchSizes,
      inferenceSecs: this.#inferenceMillis / 1000,
      waitSecs: this.#waitMillis / 1000,
      loadSecs: this.#loadMillis / 1000,
      ...(this.#paddedBatches === 0
        ? {}
        : { padding: { share: this.#paddingShares / this.#paddedBatches, batches: this.#paddedBatches } }),
      retries: this.#retries,
      firstAt: this.#firstAt,
      lastAt: timeNow(),
    };
    this.#batchSizes = [];
    this.#inferenceMillis = 0;
    this.#waitMillis = 0;
    this.#loadMillis = 0;
    this.#paddedBatches = 0;
    this.#paddingShares = 0;
    this.#retries = 0;
    this.#firstAt = measures.lastAt;
    return measures;
  }
}

/** Milliseconds since 1970, by the clock that measures durations. */
function timeNow(): number {
  return performance.timeOrigin + performance.now();
}
