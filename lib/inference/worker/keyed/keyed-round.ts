import type { Slot } from '../slot.ts';

/**
 * A bundle's elements are cut into segments by these alone. Batches of a fixed size keep within one, so that they are the
 * same from wherever a bundle goes on.
 */
export const SEGMENT_ELEMENTS = 8192;
const SEGMENT_BYTES = 8 * 1024 * 1024;
/** Maximum number of segments in a round. */
const ROUND_SEGMENTS = 8;
const ROUND_BYTES = 32 * 1024 * 1024;

/** An element of a round, and where it is; its slot's lane is its cohort. */
export interface RoundEntry {
  readonly slot: Slot;
  readonly segment: number;
}

/**
 * Elements of a bundle that are grouped by cohort before anything is loaded, in input order. The larger a round is, the
 * less often models are loaded, and the more waits in memory.
 */
export class KeyedRound {
  readonly entries: RoundEntry[] = [];
  #segment = 0;
  #segmentElements = 0;
  #segmentBytes = 0;
  #bytes = 0;

  /**
   * Adds the next element.
   *
   * @param bytes - the element's own
   * @param resultBytes - those of its results, as far as is known
   * @returns whether a segment ends with it.
   */
  add(slot: Slot, { bytes, resultBytes }: { bytes: number; resultBytes: number }): boolean {
    if (!slot.item.isThrough) this.entries.push({ slot, segment: this.#segment });
    this.#segmentElements += 1;
    this.#segmentBytes += bytes;
    this.#bytes += bytes + resultBytes;
    if (this.#segmentElements < SEGMENT_ELEMENTS && this.#segmentBytes < SEGMENT_BYTES) return false;
    this.#segment += 1;
    this.#segmentElements = 0;
    this.#segmentBytes = 0;
    return true;
  }

  /** True if it must run now, which is only at the end of a segment. */
  get isFull(): boolean {
    return this.#segmentElements === 0 && (this.#segment >= ROUND_SEGMENTS || this.#bytes >= ROUND_BYTES);
  }
}

/** The entries by cohort; those of the first one come first. */
export function byCohort(entries: readonly RoundEntry[]): Map<number, RoundEntry[]> {
  const cohorts = new Map<number, RoundEntry[]>();
  for (const entry of entries) {
    const { lane } = entry.slot;
    const own = cohorts.get(lane);
    if (own === undefined) cohorts.set(lane, [entry]);
    else own.push(entry);
  }
  return cohorts;
}

/** Where the entries from `start` on are to be cut so that about `count` come before, at the end of a segment if asked. */
export function cutAfter(
  entries: readonly RoundEntry[],
  start: number,
  { count, wholeSegments }: { readonly count: number; readonly wholeSegments: boolean },
): number {
  let end = Math.min(entries.length, start + count);
  if (!wholeSegments) return end;
  while (end < entries.length && entries[end]?.segment === entries[end - 1]?.segment) end += 1;
  return end;
}
