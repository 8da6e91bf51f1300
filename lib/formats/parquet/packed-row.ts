import { PackedElement, type PackedFields } from '../numbers/packed-element.ts';
import type { RowReader } from './read-row.ts';
import type { RowSlice } from './row-slices.ts';

/** A row of a table whose numbers were packed. The slice that has its other values lives as long as it does. */
export class PackedRow extends PackedElement {
  readonly #reader: RowReader;
  readonly #slice: RowSlice;

  constructor(slice: RowSlice, position: number, fields: PackedFields & { readonly reader: RowReader }) {
    super(position, fields);
    this.#slice = slice;
    this.#reader = fields.reader;
  }

  override get input(): unknown {
    return this.#reader.read(this.#slice, this.position - this.#slice.position).input;
  }

  override get raw(): undefined {
    return undefined;
  }

  override get inputBytes(): number {
    return 0;
  }
}
