import { ChangeSignal } from './change-signal.ts';
import type { RowBatch, RowResults } from './row-batch.ts';
import { type BatchResults, Slot, type SlotState } from './slot.ts';
import type { WorkItem } from './work-item.ts';

/** Elements of a page leave together; small, as their results are taken apart when they do. */
const PAGE_ELEMENTS = 256;
const PAGE_RESULT_BYTES = 256 * 1024;
/** Approximate bytes of an element beside its input. */
const ELEMENT_BYTES = 256;

/**
 * The elements between the two ends of an inference step, in input order. They enter at one end, are settled in any
 * order, and leave at the other as soon as all before them have.
 *
 * @typeParam Rows - {@link RowBatch} if batches of rows go through it, too
 */
export class OrderedWindow<Rows extends RowBatch = never> {
  readonly #change = new ChangeSignal();
  /** Those before the head have left. */
  #entries: (Slot | Rows | undefined)[] = [];
  #head = 0;
  #ended = false;
  #failure: Error | undefined;
  #resultBytes = 0;
  /** Bytes of the elements that only pass through. */
  #passingBytes = 0;

  /** Adds an element; one that has its outcome already is settled. */
  enter(item: WorkItem): Slot {
    const slot = new Slot(item);
    if (item.isThrough) {
      slot.state = 'settled';
      slot.bytes = ELEMENT_BYTES + item.inputBytes;
      this.#passingBytes += slot.bytes;
    }
    this.#entries.push(slot);
    return slot;
  }

  /** Adds a batch of rows that is still open: the elements that are added to it are before all that enter later. */
  enterRows(batch: Rows): void {
    this.#entries.push(batch);
  }

  /** Gives a batch of rows its results. */
  settleRows(batch: Rows, results: RowResults): void {
    this.#resultBytes += results.bytes;
    batch.results = {
      ...results,
      free: () => {
        this.#resultBytes -= results.bytes;
        results.free();
        this.#change.notify();
      },
    };
    batch.state = 'settled';
    this.#change.notify();
  }

  /** Gives a batch's elements their results, in the batch's order. */
  settle(slots: readonly Slot[], bytes: number, results: BatchResults): void {
    const held = { bytes, elements: slots.length, left: slots.length, results };
    this.#resultBytes += bytes;
    slots.forEach((slot, index) => {
      slot.held = held;
      slot.index = index;
      slot.state = 'settled';
    });
    this.#change.notify();
  }

  notify(): void {
    this.#change.notify();
  }

  /** Nothing more will enter. */
  end(): void {
    this.#ended = true;
    this.#change.notify();
  }

  fail(error: Error): void {
    this.#failure ??= error;
    this.#change.notify();
  }

  get changed(): Promise<void> {
    return this.#change.changed;
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  /**
   * Bytes of results, and of elements that only pass through, which wait behind an element that will be settled in time,
   * so that waiting helps.
   */
  get heldBytes(): number {
    return this.#headState === 'waiting' ? 0 : this.#resultBytes + this.#passingBytes;
  }

  /** The next elements that are through, their values set, or a batch of rows; undefined after the last. */
  async next(): Promise<readonly WorkItem[] | Rows | undefined> {
    for (;;) {
      const { changed } = this;
      if (this.#failure !== undefined) throw this.#failure;
      const rows = this.#releaseRows();
      if (rows !== undefined) return rows;
      const page = this.#releaseSettled();
      if (page.length > 0) {
        this.#change.notify();
        return page;
      }
      if (this.#ended && this.#head === this.#entries.length) return undefined;
      await changed;
    }
  }

  /**
   * Yields the pages while `filling` adds elements, whose error is the window's. If the consumer leaves early, the window
   * fails: what still runs has nowhere to go.
   *
   * @param onLeave - called before the end of `filling` is awaited
   */
  async *pages(filling: Promise<void>, onLeave?: (reason: Error) => void): AsyncGenerator<readonly WorkItem[] | Rows> {
    const filled = filling.catch((error: Error) => this.fail(error));
    try {
      for (let page = await this.next(); page !== undefined; page = await this.next()) yield page;
    } finally {
      const reason = new Error('the bundle was given up');
      this.fail(reason);
      onLeave?.(reason);
      await filled;
    }
  }

  get #headState(): SlotState | undefined {
    return this.#headSlot?.state ?? this.#entries[this.#head]?.state;
  }

  /** The first element, if it has a slot. */
  get #headSlot(): Slot | undefined {
    const entry = this.#entries[this.#head];
    return entry instanceof Slot ? entry : entry?.slots?.[entry.nextSlot];
  }

  #releaseRows(): Rows | undefined {
    const entry = this.#entries[this.#head];
    if (entry === undefined || entry instanceof Slot || entry.slots !== undefined) return undefined;
    if (entry.state !== 'settled') return undefined;
    this.#leave();
    return entry;
  }

  #releaseSettled(): WorkItem[] {
    const page: WorkItem[] = [];
    let bytes = 0;
    for (;;) {
      const slot = this.#headSlot;
      if (slot?.state !== 'settled' || page.length >= PAGE_ELEMENTS || bytes >= PAGE_RESULT_BYTES) break;
      bytes += this.#release(slot);
      page.push(slot.item);
      this.#leave();
    }
    return page;
  }

  /** Goes on to the element behind the first one, or behind the batch of rows that is first. */
  #leave(): void {
    const entry = this.#entries[this.#head];
    if (entry !== undefined && !(entry instanceof Slot) && entry.slots !== undefined) {
      entry.nextSlot += 1;
      if (entry.nextSlot < entry.slots.length) return;
    }
    this.#entries[this.#head] = undefined;
    this.#head += 1;
    if (this.#head <= this.#entries.length / 2) return;
    this.#entries = this.#entries.slice(this.#head);
    this.#head = 0;
  }

  /** Sets the element's value, and gives the bytes of its share of the batch's results. */
  #release(slot: Slot): number {
    const { item, held, index } = slot;
    this.#passingBytes -= slot.bytes;
    if (held === undefined) return 0;
    slot.held = undefined;
    const share = held.bytes / held.elements;
    this.#resultBytes -= share;
    if (item.failure === undefined) {
      const result = held.results.read(index);
      if (held.results.areJson === true) item.predictionJson = result as string;
      else item.value = result;
    }
    held.left -= 1;
    if (held.left === 0) held.results.free();
    return share;
  }
}
