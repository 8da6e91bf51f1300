import type { NumberData, NumberRequest } from './number-request.ts';
import type { NumberBlocks } from './number-rows.ts';

const MIN_INT32 = -0x8000_0000;
const MAX_INT32 = 0x7fff_ffff;

/** Writes the numbers of one element into the next row of each input. */
export class RowCells {
  readonly #blocks: NumberBlocks;
  readonly #sizes: readonly number[];
  readonly #takesMissing: readonly boolean[];
  #data: readonly NumberData[] = [];
  /** The arrays of inputs of floats. */
  #floats: readonly (Float32Array | Float64Array | undefined)[] = [];
  #row = 0;

  constructor({ inputs }: NumberRequest, blocks: NumberBlocks) {
    this.#blocks = blocks;
    this.#sizes = inputs.map(({ size }) => size);
    this.#takesMissing = inputs.map(({ takesMissing }) => takesMissing);
  }

  /** Goes to the row of the next element. */
  begin(): void {
    const { rows, row } = this.#blocks;
    this.#row = row;
    if (this.#data === rows.data) return;
    this.#data = rows.data;
    this.#floats = rows.data.map((data) =>
      data instanceof Float32Array || data instanceof Float64Array ? data : undefined,
    );
  }

  /** Returns the array of an input of floats, which any number can be written to; undefined for other types. */
  floatsOf(input: number): Float32Array | Float64Array | undefined {
    return this.#floats[input];
  }

  /** Returns the index at which the row of an input begins in its array. */
  startOf(input: number): number {
    return this.#row * this.sizeOf(input);
  }

  sizeOf(input: number): number {
    return this.#sizes[input] ?? 0;
  }

  /** Returns false if the input's type can't hold the number. */
  set(input: number, column: number, value: number): boolean {
    const floats = this.#floats[input];
    const index = this.#row * (this.#sizes[input] as number) + column;
    if (floats === undefined) return setInteger(this.#data[input], index, value);
    floats[index] = value;
    return true;
  }

  /** Sets a missing value. Returns false if the input takes none. */
  setMissing(input: number, column: number): boolean {
    return this.#takesMissing[input] === true && this.set(input, column, NaN);
  }
}

function setInteger(data: NumberData | undefined, index: number, value: number): boolean {
  if (!Number.isSafeInteger(value)) return false;
  if (data instanceof BigInt64Array) data[index] = BigInt(value);
  else if (data instanceof Int32Array && value >= MIN_INT32 && value <= MAX_INT32) data[index] = value;
  else return false;
  return true;
}
