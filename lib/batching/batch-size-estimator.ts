import type { BatchTargets } from './batching-options.ts';
import { CostModel } from './cost-model.ts';

/**
 * The fabric's cost of a batch, which the host's time does not include: frames, wake-ups, bookkeeping. It is the minimum
 * fixed cost, so that a model without fixed cost gets batches that are worth sending.
 */
const DISPATCH_MILLIS = 0.5;

/** The next size is at most this many times the largest that ran. */
const GROWTH = 2;

/** Records that each of two sizes must have before the fit is used; three make a median. */
const RECORDS_TO_BELIEVE = 3;

/** Ratio of these two sizes, if the range from minimum to maximum has room for it. */
const SPREAD = 2;

/** Factor by which a second size is smaller than the first: small sizes determine the intercept, and cost little. */
const LOOK_BELOW = 8;

/** A size is kept while the best size is within 20% of it... */
const KEEP = 0.8;

/** ...and, after it has run, until this number of records in a row found it outside: longer than noise lasts. */
const DOUBTS_TO_LEAVE = 16;

/** Number of batches in a row below the target after which another limit must keep them small: bytes, or a ceiling. */
const SHORT_TO_STALL = 16;

/**
 * Learns how many elements a batch should have from what batches cost (a `CostModel`: time = a + b · n). Grown from
 * Beam's `_BatchSizeEstimator` (apache/beam `transforms/util.py`), without chance: the same records give the same
 * sizes.
 *
 * The size is the smallest that keeps the share of fixed cost within the target overhead ω, n = (a/b)(1/ω − 1), as far
 * as the target duration T allows: a + b·n = T. If a alone is more than half of T, the elements get as much time as a,
 * at most T, because smaller batches would only be more overhead. A larger size would also meet the overhead, but
 * it costs memory and latency and gains at most ω. With a = 0 every size is as good to the model, and the fabric's
 * cost of a batch replaces a.
 *
 * It starts with three batches of `minBatchSize` and three of twice that, then grows at most twofold from the largest
 * batch that ran. After that, the size stays until 16 batches in a row found the best one more than 20% away, so noise
 * hardly changes it. When the model has only that size left (after about 512 batches, or because the machine has
 * changed), three batches are an eighth of it, or else twice `minBatchSize`, and separate the two costs again. With `minBatchSize` = `maxBatchSize` the size is always that.
 *
 * While it grows, batches that are formed ahead of the records have the earlier size. `isGrowing` reports when to form
 * only as many ahead as keep the hosts busy, so that it grows in the number of batches stated here.
 *
 * Record every batch that ran by itself and succeeded, with the host's own time for it, except those that the end of a
 * bundle closed (`closedBy: 'end'`): their sizes are not the target. (One that is recorded does little harm: growth
 * depends on the largest batch, not on the last as in Beam.)
 */
export class BatchSizeEstimator {
  readonly #targets: BatchTargets;
  readonly #costs = new CostModel();
  /** Minimum ratio of the two sizes that the fit is based on. */
  readonly #spread: number;
  /** The size that it settled on; undefined before there is a fit to use. */
  #settled: number | undefined;
  /** Number of records in a row that found a better size. */
  #doubts = 0;
  /** Number of records in a row that were below the target. */
  #short = 0;
  #isLearning: boolean;
  #target: number;

  constructor(targets: BatchTargets) {
    this.#targets = targets;
    this.#target = targets.minBatchSize;
    this.#isLearning = targets.minBatchSize < targets.maxBatchSize;
    // The last factor is for rounding, if the range is narrow and its two ends are the two sizes.
    this.#spread = Math.min(SPREAD, targets.maxBatchSize / targets.minBatchSize) * (1 - 1e-9);
  }

  /** Returns the number of elements that the next batch should have, from `minBatchSize` to `maxBatchSize`. */
  target(): number {
    return this.#target;
  }

  /** True if the next records will change the target, unless another limit keeps batches below it. */
  get isGrowing(): boolean {
    return this.#isLearning && this.#short < SHORT_TO_STALL;
  }

  /** Records that a batch of `size` elements kept the host busy for `millis`. */
  record(size: number, millis: number): void {
    this.#short = size < this.#target ? this.#short + 1 : 0;
    this.#costs.record(size, millis);
    this.#target = this.#next();
  }

  /** Returns the expected time of a batch of this size; undefined before the first record. */
  expectedMillis(size: number): number | undefined {
    return this.#costs.expectedMillis(size);
  }

  #next(): number {
    const { minBatchSize, maxBatchSize } = this.#targets;
    const sizes = this.#costs.sizes();
    if (minBatchSize === maxBatchSize || sizes === undefined) return minBatchSize;
    const lookedAt = this.#sizeToLookAt(sizes);
    // The model has changed: this is not noise.
    if (lookedAt !== undefined) this.#doubts = DOUBTS_TO_LEAVE;
    const aim = lookedAt ?? this.#settle(sizes.largest);
    this.#isLearning = lookedAt !== undefined || aim > sizes.largest;
    return this.#clamp(Math.min(aim, GROWTH * sizes.largest));
  }

  /** Returns the size that the fit still needs records of; undefined if it has enough. */
  #sizeToLookAt(sizes: { readonly smallest: number; readonly largest: number }): number | undefined {
    // A limit on bytes can have closed batches below the minimum, which cannot be a target.
    const smallest = this.#clamp(sizes.smallest);
    const largest = this.#clamp(sizes.largest);
    if (this.#costs.count(0, Infinity) < RECORDS_TO_BELIEVE) return smallest;
    if (largest < smallest * this.#spread) return this.#otherThan(largest);
    if (this.#costs.count(0, largest / this.#spread) < RECORDS_TO_BELIEVE) return smallest;
    const above = this.#costs.count(smallest * this.#spread, Infinity);
    return above < RECORDS_TO_BELIEVE ? this.#clamp(smallest * SPREAD) : undefined;
  }

  /** Returns a size that is far enough from this one: below it if there is room, otherwise above. */
  #otherThan(size: number): number {
    const below = this.#clamp(Math.floor(size / LOOK_BELOW));
    return below * this.#spread <= size ? below : this.#clamp(size * SPREAD);
  }

  #settle(largest: number): number {
    const best = this.#best();
    const settled = this.#settled;
    if (settled !== undefined) {
      const kept = best >= settled * KEEP && best <= settled / KEEP;
      this.#doubts = kept ? 0 : this.#doubts + 1;
      // Before it has run, it is only the goal of growth.
      if (kept || (settled <= largest && this.#doubts < DOUBTS_TO_LEAVE)) return settled;
    }
    this.#doubts = 0;
    this.#settled = Math.round(best);
    return this.#settled;
  }

  /** Returns the size that meets the targets by the fit, not rounded. */
  #best(): number {
    const { fixedMillis, perElementMillis } = this.#costs.fit() ?? { fixedMillis: 0, perElementMillis: 0 };
    const { targetBatchOverhead, targetBatchDurationSecs } = this.#targets;
    const perElement = Math.max(perElementMillis, Number.EPSILON);
    const overhead = (Math.max(fixedMillis, DISPATCH_MILLIS) * (1 / targetBatchOverhead - 1)) / perElement;
    const wholeMillis = targetBatchDurationSecs * 1000;
    const duration = Math.min(wholeMillis, Math.max(wholeMillis - fixedMillis, fixedMillis)) / perElement;
    return this.#clamp(Math.min(overhead, duration));
  }

  #clamp(size: number): number {
    return Math.max(this.#targets.minBatchSize, Math.min(size, this.#targets.maxBatchSize));
  }
}
