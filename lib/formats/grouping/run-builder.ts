import type { ElementPacking, ReadElement } from '../format.ts';
import { packRecord, recordBytes, type RecordKey, writeRecord } from './grouped-record.ts';
import type { RankOf } from './rank-keys.ts';

const FIRST_BYTES = 64 * 1024;
/** Memory of a record in addition to its bytes, and of a key: counted, so that tiny elements do not exceed the limit. */
const PLACE_BYTES = 8;
const GROUP_BYTES = 128;

interface Group extends RecordKey {
  /** Starts of its records, in the order in which they were added. */
  readonly starts: number[];
}

/** Collects elements until they fill the memory for sorting. */
export class RunBuilder {
  readonly #rankOf: RankOf;
  readonly #maxBytes: number;
  readonly #packing: ElementPacking;
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #length = 0;
  #held = 0;
  #groups = new Map<string | undefined, Group>();

  constructor(packing: ElementPacking, { rankOf, maxBytes }: { readonly rankOf: RankOf; readonly maxBytes: number }) {
    this.#packing = packing;
    this.#rankOf = rankOf;
    this.#maxBytes = maxBytes;
  }

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  get isFull(): boolean {
    return this.#held >= this.#maxBytes;
  }

  add(read: ReadElement, key: string | undefined): void {
    const group = this.#groupOf(key);
    const record = packRecord(read, group, this.#packing);
    this.#makeRoom(record.bytes);
    writeRecord(this.#bytes, this.#length, record);
    group.starts.push(this.#length);
    this.#length += record.bytes;
    this.#held += record.bytes + PLACE_BYTES;
  }

  /** Returns the records by rank, key and the order in which they were added, and empties the builder. */
  drain(): Buffer {
    const sorted = Buffer.allocUnsafeSlow(this.#length);
    let at = 0;
    for (const { starts } of [...this.#groups.values()].sort(compareKeys)) {
      for (const start of starts) {
        at += this.#bytes.copy(sorted, at, start, start + recordBytes(this.#bytes, start));
      }
    }
    this.#groups = new Map();
    this.#length = 0;
    this.#held = 0;
    return sorted;
  }

  #groupOf(key: string | undefined): Group {
    const there = this.#groups.get(key);
    if (there !== undefined) return there;
    const group = { rank: this.#rankOf(key), key: key ?? '', starts: [] };
    this.#groups.set(key, group);
    this.#held += GROUP_BYTES + 2 * group.key.length;
    return group;
  }

  #makeRoom(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#bytes.length, this.#length + bytes));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

export function compareKeys(one: RecordKey, other: RecordKey): number {
  if (one.rank !== other.rank) return one.rank - other.rank;
  if (one.key === other.key) return 0;
  return one.key < other.key ? -1 : 1;
}
