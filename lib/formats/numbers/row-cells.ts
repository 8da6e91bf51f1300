import type { NumberData, NumberRequest } from './number-request.ts';
import type { NumberBlocks } from './number-rows.ts';
import type { FloatPlaces } from './number-scanner.ts';

const MIN_INT32 = -0x8000_0000;
const MAX_INT32 = 0x7fff_ffff;

/** Writes the numbers of one element into the next row of each input. */
export class RowCells {
  readonly #blocks: NumberBlocks;
  readonly #sizes: readonly number[];
  readonly #takesMissing: readonly boolean[];
  #data: readonly NumberData[] = [];
  /** The arrays of inputs of floats. */
  #floats: readonly (FloatPlaces | undefined)[] = [];
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
      data instanceof Float32Array || data instanceof Float64Array ? { data, place: 0, end: 0 } : undefined,
    );
  }

  /** Returns the places of some columns of an input of floats; undefined for other types. They are valid until the next call. */
  floatPlaces(input: number, column: number, count: number): FloatPlaces | undefined {
    const places = this.#floats[input];
    if (places === undefined) return undefined;
    places.place = this.#row * this.sizeOf(input) + column;
    places.end = places.place + count;
    return places;
  }

  sizeOf(input: number): number {
    return this.#sizes[input] ?? 0;
  }

  /** Returns false if the input's type can't hold the number. */
  set(input: number, column: number, value: number): boolean {
    const floats = this.#floats[input];
    const index = this.#row * (this.#sizes[input] as number) + column;
    if (floats === undefined) return setInteger(this.#data[input], index, value);
    floats.data[index] = value;
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
