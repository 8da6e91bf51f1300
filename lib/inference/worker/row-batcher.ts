import type { BatchLimits } from '../../batching/batching-options.ts';
import type { PackedBatches } from '../../models/packed-batches.ts';
import type { BatchSizes } from '../worker-protocol.ts';
import type { OrderedWindow } from './ordered-window.ts';
import { RowBatch } from './row-batch.ts';
import type { RowItems } from './row-items.ts';

export interface RowBatcherOptions {
  readonly lane: number;
  readonly packed: PackedBatches;
  readonly limits: BatchLimits;
  /** Returns the sizes of the batches of rows. */
  readonly sizes: () => BatchSizes;
  /** True if a size must not change when a bundle continues in the middle of its batch. */
  readonly isFixed: boolean;
  readonly window: OrderedWindow<RowBatch>;
}

/** Least rows of a batch of rows: a model gets no fewer, and a batch of one is packed as two. */
const MIN_ROWS = 2;

/**
 * Cuts elements whose numbers are packed into batches: the batches that a `Batcher` would make of them one by one, as all
 * of these elements have the same key and bytes.
 */
export class RowBatcher {
  readonly #options: RowBatcherOptions;
  #open: RowBatch | undefined;

  constructor(options: RowBatcherOptions) {
    this.#options = options;
  }

  get key(): string {
    return this.#options.packed.key;
  }

  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  /** Number of elements in the open batch. */
  get openLength(): number {
    return this.#open?.length ?? 0;
  }

  /** Checks whether a batch of rows can be opened now: nothing but the number of its elements limits it. */
  get canOpen(): boolean {
    const { packed, limits, sizes } = this.#options;
    const { ceiling = Infinity } = sizes();
    const target = this.#target;
    if (target < MIN_ROWS || target > ceiling) return false;
    return target * packed.bytes < limits.maxBatchBytes && target < limits.maxBatchWeight;
  }

  get #target(): number {
    const { limits, sizes } = this.#options;
    return Math.min(Math.floor(sizes().target), limits.maxBatchSize);
  }

  /** Adds as many of the rows as the batch takes; returns their number, and the batch if it is complete. */
  add(rows: RowItems): { readonly added: number; readonly complete: RowBatch | undefined } {
    const batch = (this.#open ??= this.#openBatch());
    const added = batch.take(rows);
    if (!batch.isComplete) return { added, complete: undefined };
    this.#open = undefined;
    batch.closedBy = 'size';
    return { added, complete: batch };
  }

  /** Takes the open batch away. */
  take(): RowBatch | undefined {
    const batch = this.#open;
    this.#open = undefined;
    return batch;
  }

  #openBatch(): RowBatch {
    const { lane, packed, isFixed, window } = this.#options;
    const { key, bytes: elementBytes } = packed;
    const batch = new RowBatch({ lane, key, target: this.#target, elementBytes, isFixed });
    window.enterRows(batch);
    return batch;
  }
}
