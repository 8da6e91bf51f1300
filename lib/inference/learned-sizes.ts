import { BatchSizeEstimator } from '../batching/batch-size-estimator.ts';
import type { BatchClosedBy } from '../batching/batcher.ts';
import type { BatchingPolicy } from '../batching/batching-options.ts';
import { SizeCeiling } from '../batching/size-ceiling.ts';
import type { ModelHandler } from '../models/model-handler.ts';
import type { BatchSizes, SizeLimit } from './worker-protocol.ts';

/** Maximum number of keys whose batch sizes are remembered: every shape can be a key. */
const MAX_REMEMBERED_KEYS = 1000;
/** Ends of bundles and pieces of failed batches say little of what batches cost. */
const WHOLE: ReadonlySet<BatchClosedBy> = new Set(['size', 'bytes', 'weight']);

interface Learned {
  readonly estimator: BatchSizeEstimator;
  /** Largest size known to fit in memory. */
  readonly memory: SizeCeiling;
  /** Largest size known to finish in time. */
  readonly time: SizeCeiling;
}

/** A batch that ran: of one request, or joined from several. */
export interface RanBatch {
  readonly size: number;
  readonly millis: number;
  readonly isJoined: boolean;
  readonly closedBy: BatchClosedBy;
  readonly isolating: boolean;
}

/** Returns the sizes that batches should have before anything was learned. */
export function firstSizes({ batching }: ModelHandler): BatchSizes {
  const { minBatchSize, maxBatchSize } = batching;
  return { target: minBatchSize, ...(minBatchSize < maxBatchSize ? { ahead: 1 } : {}) };
}

/** Batch sizes that suit one model, as learned from its batches, by batch key. */
export class LearnedSizes {
  readonly #policy: BatchingPolicy;
  readonly #copies: number | undefined;
  readonly #learned = new Map<string, Learned>();
  #isOneRow = false;

  /** @param copies - of the model, if batches wait for it here. @default batches are formed as far ahead as possible */
  constructor(policy: BatchingPolicy, copies?: number) {
    this.#policy = policy;
    this.#copies = copies;
  }

  /** The sizes that batches of a key should have from now on. */
  sizes(key: string): BatchSizes {
    if (this.#isOneRow) return { target: 1, ceiling: 1, isOneRow: true };
    const { estimator, memory, time } = this.#of(key);
    const limit = Math.min(memory.limit(), time.limit());
    const target = estimator.target();
    return {
      target,
      ...(limit === Infinity ? {} : { ceiling: limit }),
      ...(this.#copies === undefined || !estimator.isGrowing || limit < target ? {} : { ahead: this.#copies }),
    };
  }

  succeeded(key: string, { size, millis, isJoined, closedBy, isolating }: RanBatch): void {
    const { estimator, memory, time } = this.#of(key);
    memory.succeeded(size);
    time.succeeded(size);
    if ((isJoined || WHOLE.has(closedBy)) && !isolating) estimator.record(size, millis);
  }

  /** Records that the model takes a single row at a time, for all keys. */
  tookOneRow(): void {
    this.#isOneRow = true;
  }

  /** Records that a batch of `size` was too large for memory, or for the time limit of batches. */
  exceeded(key: string, size: number, limit: SizeLimit): void {
    this.#of(key)[limit].exceeded(size);
  }

  /**
   * Records that a batch of `size` was too large, and its halves were not. A fixed size is not lowered when a batch
   * takes too long, because fixed batches must not depend on timing.
   *
   * @returns whether batches are smaller from now on
   */
  recovered(key: string, size: number, limit: SizeLimit): boolean {
    if (limit === 'time' && this.isFixed) return false;
    this.#of(key)[limit].recovered(size);
    return true;
  }

  /** True if all batches should have one size. */
  get isFixed(): boolean {
    return this.#policy.minBatchSize === this.#policy.maxBatchSize;
  }

  /** Returns the expected time of a batch; 0 if nothing is known about its key. */
  expectedMillis(key: string, size: number): number {
    return this.#learned.get(key)?.estimator.expectedMillis(size) ?? 0;
  }

  #of(key: string): Learned {
    const known = this.#learned.get(key);
    if (known !== undefined) return known;
    if (this.#learned.size >= MAX_REMEMBERED_KEYS) {
      const [oldest] = this.#learned.keys();
      if (oldest !== undefined) this.#learned.delete(oldest);
    }
    const learned = {
      estimator: new BatchSizeEstimator(this.#policy),
      memory: new SizeCeiling(),
      time: new SizeCeiling(),
    };
    this.#learned.set(key, learned);
    return learned;
  }
}
