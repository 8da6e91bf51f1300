import type { TokenUsage } from '../../remote/token-usage.ts';
import type { WorkItem } from './work-item.ts';

/** Where an element of a window stands: in an open batch, in a batch that runs, or through. */
export type SlotState = 'waiting' | 'running' | 'settled';

/** Memory of a batch's results, until the last of its elements has left the window. */
export interface HeldResults {
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
