import type { PackedRows } from '../../formats/numbers/packed-element.ts';
import type { RowPiece } from '../../models/packed-inputs.ts';
import type { LineBytes } from './line-bytes.ts';
import { type ItemContext, itemOf } from './read-item.ts';
import type { WorkItem } from './work-item.ts';

const HEAD = Buffer.from('{"id":');
const QUOTE = Buffer.from('"');

/**
 * Elements that follow one another, whose numbers were packed while they were read. An item of each is only made if one
 * of them goes its own way.
 */
export class RowItems {
  readonly packed: PackedRows;
  /** Index of the first element in the packed rows. */
  readonly first: number;
  readonly count: number;
  /** Place of the first element in its bundle. */
  readonly ordinal: number;
  readonly #context: ItemContext;
  /** The key of all elements, if it is a segment of the object's key. */
  readonly #key: string | undefined;

  // Not one object of options: slices are made of the same parts.
  // oxlint-disable-next-line max-params
  private constructor(packed: PackedRows, first: number, count: number, ordinal: number, context: ItemContext) {
    this.packed = packed;
    this.first = first;
    this.count = count;
    this.ordinal = ordinal;
    this.#context = context;
    this.#key = typeof context.input.key === 'object' ? context.keyOf(undefined) : undefined;
  }

  static of(packed: PackedRows, ordinal: number, context: ItemContext): RowItems {
    return new RowItems(packed, 0, packed.count, ordinal, context);
  }

  /** Returns the elements from index `start` to `end`. */
  slice(start: number, end = this.count): RowItems {
    if (start === 0 && end === this.count) return this;
    return new RowItems(this.packed, this.first + start, end - start, this.ordinal + start, this.#context);
  }

  /** The block that has their numbers, and the row of the first element there. */
  get piece(): RowPiece {
    const { packed, first, count } = this;
    return { rows: packed.rows, first: packed.firstRow + first, count };
  }

  itemAt(index: number): WorkItem {
    return itemOf(this.packed.elementAt(this.first + index), this.ordinal + index, this.#context);
  }

  items(): WorkItem[] {
    return Array.from({ length: this.count }, (_, index) => this.itemAt(index));
  }

  /** Writes the start of an element's line of results, as `lineHead` does: its id, and its key if it has one. */
  writeHeadAt(index: number, line: LineBytes): void {
    const { packed, first } = this;
    const place = first + index;
    line.copy(HEAD);
    this.#writeId(place, line);
    const key = packed.keyAt(place) ?? this.#key;
    if (key !== undefined) line.write(`,"key":${JSON.stringify(key)}`);
  }

  #writeId(place: number, line: LineBytes): void {
    const { packed } = this;
    if (packed.hasPlainIdAt(place)) {
      line.copy(QUOTE);
      line.copy(packed.idBytes, packed.idStartAt(place), packed.idEndAt(place));
      line.copy(QUOTE);
      return;
    }
    const id = packed.idAt(place);
    if (id !== undefined) return line.write(JSON.stringify(id));
    line.copy(this.#context.ids.jsonPrefixBytes);
    line.writeInteger(packed.positionAt(place));
    line.copy(QUOTE);
  }
}

/** An entry that a bundle is read as: an element, or several whose numbers were packed. */
export type BundleEntry = WorkItem | RowItems;

/** A bundle's entries in input order, some at a time. */
export type EntryPages = AsyncIterable<readonly BundleEntry[]>;

/** Returns an item of each element. */
export function itemsOf(entries: readonly BundleEntry[]): readonly WorkItem[] {
  if (!entries.some((entry) => entry instanceof RowItems)) return entries as readonly WorkItem[];
  return entries.flatMap((entry) => (entry instanceof RowItems ? entry.items() : entry));
}
