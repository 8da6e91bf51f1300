import type { ModelLink } from './model-link.ts';
import type { Lane } from './batch-lane.ts';

/** A lane and a key: its model and the key decide the size of a batch. */
export interface BatchPlace {
  readonly lane: number;
  readonly key: string;
}

/** Batches of one bundle that are in flight, and whose size still grew when they were formed. */
export class GrowingBatches {
  readonly #link: ModelLink;
  readonly #inFlight = new Map<string, number>();
  /** The lane and key of an element that waits for such a batch to be answered. */
  #awaited: { readonly lane: Lane; readonly place: BatchPlace } | undefined;

  constructor(link: ModelLink) {
    this.#link = link;
  }

  /** Returns whether a batch that is opened now would get a size that the batches in flight are about to change. */
  mustAwait({ model }: Lane, place: BatchPlace): boolean {
    if (this.#inFlight.size === 0) return false;
    const inFlight = this.#inFlight.get(nameOf(place));
    return inFlight !== undefined && inFlight >= (this.#link.sizes(model, place.key).ahead ?? Infinity);
  }

  /** Notes that an element waits. */
  await(lane: Lane, place: BatchPlace): void {
    this.#awaited = { lane, place };
  }

  /** Returns whether the element still waits; `isOpen` says whether its batch has been opened. */
  isAwaiting(isOpen: (place: BatchPlace) => boolean): boolean {
    if (this.#awaited === undefined) return false;
    const { lane, place } = this.#awaited;
    if (!isOpen(place) && this.mustAwait(lane, place)) return true;
    this.#awaited = undefined;
    return false;
  }

  /** Counts a batch whose size still grows, until the returned function is called. */
  count({ grows, model }: Lane, place: BatchPlace): () => void {
    if (!grows || this.#link.sizes(model, place.key).ahead === undefined) return () => {};
    const name = nameOf(place);
    this.#inFlight.set(name, (this.#inFlight.get(name) ?? 0) + 1);
    return () => {
      const left = (this.#inFlight.get(name) ?? 1) - 1;
      if (left === 0) this.#inFlight.delete(name);
      else this.#inFlight.set(name, left);
    };
  }
}

function nameOf({ lane, key }: BatchPlace): string {
  return `${lane}:${key}`;
}
