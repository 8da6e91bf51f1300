import type { NumberRows } from '../numbers/number-rows.ts';
import { PackedRows } from '../numbers/packed-element.ts';
import type { RowReader } from './read-row.ts';
import type { RowSlice, SliceColumn } from './row-slices.ts';

const NO_BYTES = new Uint8Array();

export interface TableRowsOptions {
  readonly slice: RowSlice;
  /** Place of the first row in the slice. */
  readonly start: number;
  readonly count: number;
  readonly rows: NumberRows;
  readonly firstRow: number;
  readonly reader: RowReader;
  readonly ids: SliceColumn | undefined;
  readonly keys: SliceColumn | undefined;
}

/** Rows of a table whose numbers were packed. The slice that has their other values lives as long as they do. */
export class TableRows extends PackedRows {
  readonly position: number;
  readonly rows: NumberRows;
  readonly firstRow: number;
  readonly count: number;
  readonly idBytes = NO_BYTES;
  readonly #options: TableRowsOptions;

  constructor(options: TableRowsOptions) {
    super();
    const { slice, start, count, rows, firstRow } = options;
    this.position = slice.position + start;
    this.rows = rows;
    this.firstRow = firstRow;
    this.count = count;
    this.#options = options;
  }

  positionAt(index: number): number {
    return this.position + index;
  }

  idAt(index: number): string | undefined {
    return textIn(this.#options.ids, this.#options.start + index);
  }

  hasPlainIdAt(): boolean {
    return false;
  }

  idStartAt(): number {
    return -1;
  }

  idEndAt(): number {
    return -1;
  }

  keyAt(index: number): string | undefined {
    return textIn(this.#options.keys, this.#options.start + index);
  }

  inputAt(index: number): unknown {
    const { reader, slice, start } = this.#options;
    return reader.read(slice, start + index).input;
  }

  rawAt(): undefined {
    return undefined;
  }

  inputBytesAt(): number {
    return 0;
  }

  free(count: number): void {
    this.rows.free(count);
  }
}

/** Returns an id or a key as text, as it is read from an element. */
function textIn(column: SliceColumn | undefined, row: number): string | undefined {
  if (column === undefined || column.failure !== undefined) return undefined;
  const value = column.values[column.start + row];
  if (typeof value === 'string') return value;
  return typeof value === 'bigint' || Number.isSafeInteger(value) ? String(value) : undefined;
}
