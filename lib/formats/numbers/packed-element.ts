import type { NumberRows } from './number-rows.ts';

/** Elements that follow one another, and whose numbers were packed into rows of one block while they were read. */
export abstract class PackedRows {
  /** Position of the first element. */
  abstract readonly position: number;
  /** The block that has their numbers, and the row of the first element there. */
  abstract readonly rows: NumberRows;
  abstract readonly firstRow: number;
  /** Number of elements. */
  abstract readonly count: number;

  abstract positionAt(index: number): number;
  abstract idAt(index: number): string | undefined;
  /** Returns true if the id in JSON is the id in quotes, and its UTF-8 is in `idBytes`, from `idStartAt` to `idEndAt`. */
  abstract hasPlainIdAt(index: number): boolean;
  abstract readonly idBytes: Uint8Array;
  abstract idStartAt(index: number): number;
  abstract idEndAt(index: number): number;
  abstract keyAt(index: number): string | undefined;
  /** Returns an element's input as it was read, made again by each call. */
  abstract inputAt(index: number): unknown;
  /** Returns an element's own text if that is its JSON. */
  abstract rawAt(index: number): string | undefined;
  /** Returns the bytes of the text of an element, if that is kept as its input. */
  abstract inputBytesAt(index: number): number;

  /** Lets go of the memory of some elements, which are not asked for again. It is freed when all have been. */
  abstract free(count: number): void;

  elementAt(index: number): PackedElement {
    return new PackedElement(this, index);
  }
}

/** One of the elements of {@link PackedRows}, as a `ReadElement`. Its value is only made if something asks for it. */
export class PackedElement {
  readonly position: number;
  readonly failure = undefined;
  readonly #all: PackedRows;
  readonly #index: number;

  constructor(all: PackedRows, index: number) {
    this.position = all.positionAt(index);
    this.#all = all;
    this.#index = index;
  }

  /** The block that has its numbers. */
  get rows(): NumberRows {
    return this.#all.rows;
  }

  /** Its row in the block. */
  get row(): number {
    return this.#all.firstRow + this.#index;
  }

  get id(): string | undefined {
    return this.#all.idAt(this.#index);
  }

  get hasPlainId(): boolean {
    return this.#all.hasPlainIdAt(this.#index);
  }

  get key(): string | undefined {
    return this.#all.keyAt(this.#index);
  }

  get input(): unknown {
    return this.#all.inputAt(this.#index);
  }

  get raw(): string | undefined {
    return this.#all.rawAt(this.#index);
  }

  get inputBytes(): number {
    return this.#all.inputBytesAt(this.#index);
  }
}
