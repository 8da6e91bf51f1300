import type { BatchClosedBy } from '../../batching/batcher.ts';
import type { RowText } from '../../models/row-text.ts';
import type { ModelLabel } from '../worker-protocol.ts';
import type { LineBytes } from './line-bytes.ts';
import { Slot, type SlotState } from './slot.ts';
import type { RowItems } from './row-items.ts';

/** How a batch of rows was opened. */
export interface RowBatchOptions {
  readonly lane: number;
  readonly key: string;
  /** Number of elements at which it is complete. */
  readonly target: number;
  /** Bytes of one element's tensors. */
  readonly elementBytes: number;
  /** True if its size must not change when a bundle continues in the middle of it. */
  readonly isFixed: boolean;
}

/** Predictions of a batch of rows. */
export interface RowResults {
  /** Returns the prediction of an element as JSON. */
  readonly json: (index: number) => string;
  /** Writes all predictions as JSON at once, if these can be. */
  readonly text: () => RowText | undefined;
  readonly bytes: number;
  readonly models: readonly ModelLabel[];
  readonly free: () => void;
}

/**
 * A batch of elements whose numbers were packed while they were read. As long as nothing fails it goes through the window
 * as one entry, without an object of each element. What fails is done again with a slot of each.
 */
export class RowBatch {
  readonly options: RowBatchOptions;
  state: SlotState = 'waiting';
  closedBy: BatchClosedBy = 'end';
  /** Number of elements. */
  length = 0;
  results: RowResults | undefined;
  readonly #parts: RowItems[] = [];
  /** The elements one by one, in order, once they go their own ways. */
  slots: readonly Slot[] | undefined;
  /** Index of the first slot that has not left the window. */
  nextSlot = 0;
  /** The part that was written last, and the index of its first element in the batch. */
  #part = 0;
  #partStart = 0;
  #text: RowText | undefined;

  constructor(options: RowBatchOptions) {
    this.options = options;
  }

  get parts(): readonly RowItems[] {
    return this.#parts;
  }

  get isComplete(): boolean {
    return this.length >= this.options.target;
  }

  /** Adds as many of the rows as it takes; returns their number. */
  take(rows: RowItems): number {
    const taken = rows.slice(0, Math.min(rows.count, this.options.target - this.length));
    this.#parts.push(taken);
    this.length += taken.count;
    return taken.count;
  }

  /** Goes on with a slot of each element, which have been in `tries` batches. */
  expand(tries: number): readonly Slot[] {
    const slots = this.#parts.flatMap((part) => part.items().map((item) => new Slot(item)));
    for (const slot of slots) {
      slot.state = this.state;
      slot.lane = this.options.lane;
      slot.item.tries = tries;
    }
    this.slots = slots;
    return slots;
  }

  /** Writes the start of an element's line. Elements are asked for in order. */
  writeHeadAt(index: number, line: LineBytes): void {
    this.#partOf(index).writeHeadAt(index - this.#partStart, line);
  }

  /** Writes an element's prediction. Elements are asked for in order, from the first. */
  writePredictionAt(index: number, line: LineBytes): void {
    const { results } = this;
    if (results === undefined) throw new TypeError('the batch has no results');
    if (index === 0) this.#text = results.text();
    if (this.#text === undefined) line.write(results.json(index));
    else this.#text.writeRow(line);
  }

  /** Lets go of the memory of the elements and their results, when all lines have been written. */
  free(): void {
    this.#text?.free();
    this.results?.free();
    for (const { packed, count } of this.#parts) packed.free(count);
  }

  /** Returns an element's input as JSON. Elements are asked for in order. */
  inputJsonAt(index: number): string {
    return this.#partOf(index).itemAt(index - this.#partStart).inputJson;
  }

  #partOf(index: number): RowItems {
    let part = this.#parts[this.#part] as RowItems;
    while (index - this.#partStart >= part.count) {
      this.#partStart += part.count;
      this.#part += 1;
      part = this.#parts[this.#part] as RowItems;
    }
    return part;
  }

  /** Returns true if a run that starts with the next element has other batches. */
  isMidBatchAt(index: number): boolean {
    return this.options.isFixed && (index < this.length - 1 || !this.isComplete);
  }
}
