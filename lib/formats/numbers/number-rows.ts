import type { NumberData, NumberInput, NumberType } from './number-request.ts';

/** Rows of one block: about as many as a page has elements, so that a block is freed soon after they have left. */
const BLOCK_ROWS = 256;
const BLOCK_BYTES = 256 * 1024;

const arrayTypes = { FP32: Float32Array, FP64: Float64Array, INT32: Int32Array, INT64: BigInt64Array } as const;

/** Packed rows of some elements: for each input of the model, the numbers of one row after another. */
export class NumberRows {
  readonly data: readonly NumberData[];
  #left: number;

  constructor(data: readonly NumberData[], capacity: number) {
    this.data = data;
    this.#left = capacity;
  }

  /** Frees the memory when all rows have been let go of: blocks are garbage soon, and many of them wake the collector. */
  free(rows: number): void {
    this.#left -= rows;
    if (this.#left > 0) return;
    for (const { buffer } of this.data) if (buffer instanceof ArrayBuffer && !buffer.detached) buffer.transfer(0);
  }
}

/** Allocates blocks of rows, which are filled one row at a time. */
export class NumberBlocks {
  /** The block of the next row. */
  rows: NumberRows;
  /** Index of the next row in its block. */
  row = 0;
  readonly #inputs: readonly NumberInput[];
  readonly #capacity: number;

  constructor(inputs: readonly NumberInput[]) {
    this.#inputs = inputs;
    const rowBytes = inputs.reduce((sum, { type, size }) => sum + size * arrayTypes[type].BYTES_PER_ELEMENT, 1);
    this.#capacity = Math.max(1, Math.min(BLOCK_ROWS, Math.floor(BLOCK_BYTES / rowBytes)));
    this.rows = this.#allocate();
  }

  /** Number of rows that can be written into this block. */
  get room(): number {
    return this.#capacity - this.row;
  }

  /** Keeps the rows that were written, at most `room`, and goes on to the next. */
  keep(rows = 1): void {
    this.row += rows;
    if (this.row < this.#capacity) return;
    this.rows = this.#allocate();
    this.row = 0;
  }

  #allocate(): NumberRows {
    const data = this.#inputs.map(({ type, size }) => newNumbers(type, size * this.#capacity));
    return new NumberRows(data, this.#capacity);
  }
}

function newNumbers(type: NumberType, length: number): NumberData {
  return new arrayTypes[type](length);
}
