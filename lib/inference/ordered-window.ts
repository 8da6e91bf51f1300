import { ChangeSignal } from './change-signal.ts';
import type { WorkItem } from './work-item.ts';

/** Where an element of a window stands: in an open batch, in a batch that runs, or through. */
type SlotState = 'waiting' | 'running' | 'settled';

/** What a batch's results weigh in memory, until the last of its elements has left the window. */
interface HeldResults {
  bytes: number;
  elements: number;
  /** Gives the result of an element by its index in the batch, and may be costly: it is asked for once. */
  readonly read: (index: number) => unknown;
}

/** An element in the window. */
export class Slot {
  readonly item: WorkItem;
  state: SlotState = 'waiting';
  held: HeldResults | undefined;
  index = 0;

  constructor(item: WorkItem) {
    this.item = item;
  }
}

/** Elements of a page leave together; small, as their results are taken apart when they do. */
const PAGE_ELEMENTS = 256;
const PAGE_RESULT_BYTES = 1024 * 1024;

/**
 * The elements between the two ends of an inference step, in input order. They enter at one end, are settled in any
 * order, and leave at the other as soon as all before them have.
 */
export class OrderedWindow {
  readonly #change = new ChangeSignal();
  #slots: Slot[] = [];
  #head = 0;
  #ended = false;
  #failure: Error | undefined;
  #resultBytes = 0;

  /** Adds an element; one that has failed already is settled. */
  enter(item: WorkItem): Slot {
    const slot = new Slot(item);
    if (item.failure !== undefined) slot.state = 'settled';
    this.#slots.push(slot);
    return slot;
  }

  /** Gives a batch's elements their results, in the batch's order. */
  settle(slots: readonly Slot[], bytes: number, read: (index: number) => unknown): void {
    const held = { bytes, elements: slots.length, read };
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

  /** Bytes of results that wait behind an element which is sure to be settled in time, so that waiting helps. */
  get heldBytes(): number {
    return this.#slots[this.#head]?.state === 'waiting' ? 0 : this.#resultBytes;
  }

  /** The next elements that are through, their values set; undefined after the last. */
  async next(): Promise<readonly WorkItem[] | undefined> {
    for (;;) {
      const { changed } = this;
      if (this.#failure !== undefined) throw this.#failure;
      const page = this.#takeSettled();
      if (page.length > 0) {
        this.#change.notify();
        return page;
      }
      if (this.#ended && this.#head === this.#slots.length) return undefined;
      await changed;
    }
  }

  #takeSettled(): WorkItem[] {
    const page: WorkItem[] = [];
    let bytes = 0;
    for (;;) {
      const slot = this.#slots[this.#head];
      if (slot?.state !== 'settled' || page.length >= PAGE_ELEMENTS || bytes >= PAGE_RESULT_BYTES) break;
      bytes += this.#release(slot);
      page.push(slot.item);
      this.#head += 1;
    }
    if (this.#head > this.#slots.length / 2) {
      this.#slots = this.#slots.slice(this.#head);
      this.#head = 0;
    }
    return page;
  }

  /** Sets the element's value, and gives the bytes of its share of the batch's results. */
  #release({ item, held, index }: Slot): number {
    if (held === undefined) return 0;
    const share = held.bytes / held.elements;
    this.#resultBytes -= share;
    if (item.failure === undefined) item.value = held.read(index);
    return share;
  }
}
