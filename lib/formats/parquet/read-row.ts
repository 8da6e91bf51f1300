import type { ReadElement } from '../format.ts';
import { failedElement, invalidUtf8Element, readElement, tooLarge } from '../read-element.ts';
import { InvalidText } from './column-values.ts';
import type { Partitions } from './partitions.ts';
import type { RowSlice, SliceColumn } from './row-slices.ts';
import type { TableColumn } from './schema.ts';

/** Bytes that a number, or a place in a list, counts for. */
const NUMBER_BYTES = 8;

export interface RowReaderOptions {
  /** Fields of all rows. */
  readonly partitions: Partitions;
  readonly maxElementBytes: number;
}

/** Makes elements of rows. */
export class RowReader {
  readonly #columns: readonly TableColumn[];
  readonly #maxElementBytes: number;
  readonly #partitions: readonly (readonly [name: string, value: string | null])[];
  /** True for columns whose values differ in size. */
  readonly #isSized: readonly boolean[];

  constructor(columns: readonly TableColumn[], { partitions, maxElementBytes }: RowReaderOptions) {
    this.#columns = columns;
    this.#maxElementBytes = maxElementBytes;
    this.#partitions = Object.entries(partitions);
    this.#isSized = columns.map(({ leaves }) =>
      leaves.some(({ isFlat, element: { type } }) => !isFlat || type === 'BYTE_ARRAY'),
    );
  }

  read(slice: RowSlice, row: number): ReadElement {
    const position = slice.position + row;
    const input: Record<string, unknown> = {};
    let bytes = 0;
    for (const [index, column] of slice.columns.entries()) {
      if (column.failure !== undefined) return failedElement(position, column.failure);
      const value = column.values[column.start + row] ?? null;
      if (this.#isSized[index] === true) {
        const invalid = invalidText(value);
        if (invalid !== undefined) return invalidUtf8Element(position, Buffer.from(invalid.bytes));
        bytes += bytesOf(value);
      }
      setField(input, this.#columns[index]?.name ?? '', value);
    }
    for (const [name, value] of this.#partitions) setField(input, name, value);
    if (bytes > this.#maxElementBytes) return failedElement(position, tooLarge(this.#maxElementBytes));
    return readElement(position, input);
  }

  /** Returns true if no row of a slice can fail: its pages are not damaged, its texts are UTF-8, and its rows small. */
  readsAll({ columns, rows }: RowSlice): boolean {
    let bytes = 0;
    for (const [index, column] of columns.entries()) {
      if (column.failure !== undefined) return false;
      const most = this.#isSized[index] === true ? mostBytes(column, rows) : 0;
      if (most === undefined) return false;
      bytes += most;
    }
    return bytes <= this.#maxElementBytes;
  }
}

/** Returns the bytes of the largest of some values; undefined if one is not UTF-8. */
function mostBytes(column: SliceColumn & { readonly failure?: undefined }, rows: number): number | undefined {
  let most = 0;
  for (let row = column.start; row < column.start + rows; row += 1) {
    const value = column.values[row];
    if (typeof value === 'string') {
      if (value.length > most) most = value.length;
      continue;
    }
    if (invalidText(value) !== undefined) return undefined;
    most = Math.max(most, bytesOf(value));
  }
  return most;
}

/** Sets a field. A column can be named as a property that objects have by themselves. */
function setField(input: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== '__proto__') input[name] = value;
  else Object.defineProperty(input, name, { value, enumerable: true, configurable: true, writable: true });
}

function invalidText(value: unknown): InvalidText | undefined {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return undefined;
  if (value instanceof InvalidText) return value;
  for (const item of Object.values(value)) {
    const invalid = invalidText(item);
    if (invalid !== undefined) return invalid;
  }
  return undefined;
}

function bytesOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return NUMBER_BYTES;
  if (value instanceof Uint8Array) return value.length;
  return Object.values(value).reduce((sum: number, item) => sum + bytesOf(item), NUMBER_BYTES);
}
