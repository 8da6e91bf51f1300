import type { NumberData } from '../numbers/number-request.ts';
import type { ColumnValues } from './column-values.ts';

const MIN_INT32 = -0x8000_0000;
const MAX_INT32 = 0x7fff_ffff;

/** Values of some rows of a column. */
export interface RowValues {
  readonly values: ColumnValues;
  readonly start: number;
  readonly count: number;
}

/** Where the numbers of some rows are written: `size` cells after those of the row before. */
export interface Cells {
  readonly data: NumberData;
  readonly start: number;
  readonly size: number;
  /** True if a missing value is NaN. */
  readonly takesMissing: boolean;
  /** Set to 1 for rows with a value that is not a number of this type. */
  readonly isOther: Uint8Array;
}

/** Copies one number of each row. */
export function copyColumn({ values, start, count }: RowValues, cells: Cells): void {
  const { data, size } = cells;
  if (isFloats(data) && isNumbers(values)) {
    const { takesMissing, isOther } = cells;
    for (let index = 0, cell = cells.start; index < count; index += 1, cell += size) {
      const value = values[start + index] as number;
      data[cell] = value;
      if (!takesMissing && Number.isNaN(value)) isOther[index] = 1;
    }
    return;
  }
  for (let index = 0; index < count; index += 1)
    if (!setNumber(cells, cells.start + index * size, values[start + index])) cells.isOther[index] = 1;
}

/** Copies a list of numbers of each row. */
export function copyLists({ values, start, count }: RowValues, cells: Cells): void {
  const { size } = cells;
  for (let index = 0; index < count; index += 1) {
    const list = values[start + index];
    const isWhole =
      Array.isArray(list) &&
      list.length === size &&
      list.every((value, place) => value !== null && setNumber(cells, cells.start + index * size + place, value));
    if (!isWhole) cells.isOther[index] = 1;
  }
}

function isFloats(data: NumberData): data is Float32Array | Float64Array {
  return data instanceof Float32Array || data instanceof Float64Array;
}

function isNumbers(values: ColumnValues): values is Float64Array | Float32Array | Int32Array {
  return values instanceof Float64Array || values instanceof Float32Array || values instanceof Int32Array;
}

/** Returns false if the cell can't hold the value. */
function setNumber({ data, takesMissing }: Cells, cell: number, value: unknown): boolean {
  if (isFloats(data)) {
    if (typeof value === 'number' && (takesMissing || !Number.isNaN(value))) data[cell] = value;
    else if (value === null && takesMissing) data[cell] = NaN;
    else return false;
    return true;
  }
  if (!Number.isSafeInteger(value)) return false;
  // It is an integer.
  const integer = value as number;
  if (data instanceof BigInt64Array) data[cell] = BigInt(integer);
  else if (integer >= MIN_INT32 && integer <= MAX_INT32) data[cell] = integer;
  else return false;
  return true;
}
