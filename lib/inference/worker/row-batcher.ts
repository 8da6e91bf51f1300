import type { Batcher } from '../../batching/batcher.ts';
import type { BatchLimits } from '../../batching/batching-options.ts';
import type { PackedBatches } from '../../models/packed-batches.ts';
import type { BatchSizes } from '../worker-protocol.ts';
import type { OrderedWindow } from './ordered-window.ts';
import type { Slot } from './slot.ts';
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
  /** Batches of items. */
  readonly batcher: Batcher<Slot>;
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
  /** Size of a batch that began as a batch of rows, while it is opened again as one of items. */
  openedTarget: number | undefined;

  constructor(options: RowBatcherOptions) {
    this.#options = options;
  }

  get key(): string {
    return this.#options.packed.key;
  }

  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  /** Checks whether a batch of rows can be opened now: nothing but the number of its elements limits it. */
  get #canOpen(): boolean {
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

  /**
   * Returns how many of some rows must be added as items: those that complete a batch that has items, or all of them if
   * their batches can't be batches of rows.
   */
  countAlone(rows: RowItems): number {
    const { batcher } = this.#options;
    if (this.isOpen) return 0;
    if (batcher.isEmpty) return this.#canOpen ? 0 : rows.count;
    return Math.min(rows.count, batcher.missing(this.key) ?? rows.count);
  }

  /** Makes the open batch one of items. */
  openAgain(): void {
    const batch = this.#take();
    if (batch === undefined) return;
    const { key, elementBytes: bytes, lane: laneIndex, target, isFixed } = batch.options;
    this.openedTarget = target;
    for (const slot of batch.expand(0)) {
      this.#options.batcher.add(slot, { key, bytes, weight: 1, laneIndex });
      slot.item.isMidBatch = isFixed;
    }
    this.openedTarget = undefined;
  }

  /** Takes the open batch away, which will get no more rows. One that is too small for a batch of rows has items then. */
  takeLast(): RowBatch | undefined {
    if (this.#open !== undefined && this.#open.length < MIN_ROWS) this.openAgain();
    return this.#take();
  }

  #take(): RowBatch | undefined {
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
