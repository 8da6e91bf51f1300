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

/** Sums since the last drain. */
interface Work {
  readonly batchSizes: number[];
  inferenceMillis: number;
  waitMillis: number;
  loadMillis: number;
  paddedBatches: number;
  paddingShares: number;
  retries: number;
  packed: number;
}

function noWork(): Work {
  return {
    batchSizes: [],
    inferenceMillis: 0,
    waitMillis: 0,
    loadMillis: 0,
    paddedBatches: 0,
    paddingShares: 0,
    retries: 0,
    packed: 0,
  };
}

/** Measures the work on one bundle, in its worker. */
export class BundleMeter {
  #work = noWork();
  #firstAt = timeNow();

  addBatch({ size, millis, inferenceMillis = millis, paddingShare }: MeasuredBatch): void {
    const work = this.#work;
    const index = Math.max(0, Math.floor(Math.log2(size)));
    while (work.batchSizes.length <= index) work.batchSizes.push(0);
    work.batchSizes[index] = (work.batchSizes[index] ?? 0) + 1;
    work.inferenceMillis += inferenceMillis;
    work.waitMillis += Math.max(0, millis - inferenceMillis);
    if (paddingShare === undefined) return;
    work.paddedBatches += 1;
    work.paddingShares += paddingShare;
  }

  /** Counts elements that were read straight into tensors. */
  addPacked(count: number): void {
    this.#work.packed += count;
  }

  addRetries(count: number): void {
    this.#work.retries += count;
  }

  /** Waits for a model, and measures the time. */
  async loaded<T>(model: Promise<T>): Promise<T> {
    const startedAt = performance.now();
    try {
      return await model;
    } finally {
      this.#work.loadMillis += performance.now() - startedAt;
    }
  }

  /** Returns what was measured since the last call. */
  drain(): Measures {
    const { batchSizes, paddedBatches, paddingShares, retries, packed, ...millis } = this.#work;
    const firstAt = this.#firstAt;
    const lastAt = timeNow();
    this.#work = noWork();
    this.#firstAt = lastAt;
    return {
      batchSizes,
      inferenceSecs: millis.inferenceMillis / 1000,
      waitSecs: millis.waitMillis / 1000,
      loadSecs: millis.loadMillis / 1000,
      ...(paddedBatches === 0 ? {} : { padding: { share: paddingShares / paddedBatches, batches: paddedBatches } }),
      ...(packed === 0 ? {} : { packed }),
      retries,
      firstAt,
      lastAt,
    };
  }
}

/** Milliseconds since 1970, by the clock that measures durations. */
function timeNow(): number {
  return performance.timeOrigin + performance.now();
}
