import type { TokenUsage } from '../../remote/token-usage.ts';
import { ChangeSignal } from './change-signal.ts';
import type { WorkItem } from './work-item.ts';

/** Where an element of a window stands: in an open batch, in a batch that runs, or through. */
type SlotState = 'waiting' | 'running' | 'settled';

/** Memory of a batch's results, until the last of its elements has left the window. */
interface HeldResults {
  readonly bytes: number;
  readonly elements: number;
  /** Elements that have not left yet. */
  left: number;
  readonly results: BatchResults;
}

/** Results of a batch, kept until the last of its elements has been read. */
export interface BatchResults {
  /** The result of an element by its index in the batch; may be costly, so it is asked for once. */
  read(index: number): unknown;
  /** True if they are predictions in JSON. @default they are values */
  readonly areJson?: boolean;
  free(): void;
}

/** The results of elements that failed. */
export const NO_RESULTS: BatchResults = { read: () => undefined, free: () => {} };

/** An element in the window. */
export class Slot {
  readonly item: WorkItem;
  state: SlotState = 'waiting';
  held: HeldResults | undefined;
  index = 0;
  /** Which of the stage's models it goes to, where there are several. */
  lane = 0;
  /** Requests to a remote model that it was in, as far as they are counted. */
  tries = 0;
  /** Tokens of these requests. */
  usage: TokenUsage | undefined;
  /** Bytes of an element that only passes through, until it leaves. */
  bytes = 0;

  constructor(item: WorkItem) {
    this.item = item;
  }
}

/** Elements of a page leave together; small, as their results are taken apart when they do. */
const PAGE_ELEMENTS = 256;
const PAGE_RESULT_BYTES = 256 * 1024;
/** Approximate bytes of an element beside its input. */
const ELEMENT_BYTES = 256;

/**
 * The elements between the two ends of an inference step, in input order. They enter at one end, are settled in any
 * order, and leave at the other as soon as all before them have.
 */
export class OrderedWindow {
  readonly #change = new ChangeSignal();
  /** Those before the head have left. */
  #slots: (Slot | undefined)[] = [];
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
    this.#slots.push(slot);
    return slot;
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
    return this.#slots[this.#head]?.state === 'waiting' ? 0 : this.#resultBytes + this.#passingBytes;
  }

  /** The next elements that are through, their values set; undefined after the last. */
  async next(): Promise<readonly WorkItem[] | undefined> {
    for (;;) {
      const { changed } = this;
      if (this.#failure !== undefined) throw this.#failure;
      const page = this.#releaseSettled();
      if (page.length > 0) {
        this.#change.notify();
        return page;
      }
      if (this.#ended && this.#head === this.#slots.length) return undefined;
      await changed;
    }
  }

  #releaseSettled(): WorkItem[] {
    const page: WorkItem[] = [];
    let bytes = 0;
    for (;;) {
      const slot = this.#slots[this.#head];
      if (slot?.state !== 'settled' || page.length >= PAGE_ELEMENTS || bytes >= PAGE_RESULT_BYTES) break;
      bytes += this.#release(slot);
      page.push(slot.item);
      this.#slots[this.#head] = undefined;
      this.#head += 1;
    }
    if (this.#head > this.#slots.length / 2) {
      this.#slots = this.#slots.slice(this.#head);
      this.#head = 0;
    }
    return page;
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
