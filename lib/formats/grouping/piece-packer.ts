/** A piece of sorted records, and the place in each run of the first record after it. */
export interface PackedPiece {
  readonly bytes: Buffer;
  readonly cursor: readonly number[];
}

/**
 * Packs sorted records into pieces of about `pieceBytes`. The records of one key stay together if they fit, together with
 * those of other keys. Those of a larger key fill separate pieces, and the last of them is packed with the next keys.
 *
 * It holds one piece and a record. A piece depends only on its records and those after them, so packing that continues at
 * a cursor makes the same pieces.
 */
export class PiecePacker {
  readonly #pieceBytes: number;
  #bytes: Buffer;
  #length = 0;
  /** The end of the last complete key; 0 if there is no complete key. */
  #wholeLength = 0;
  /** The start of the key that is not complete yet. */
  #keyCursor: readonly number[] = [];

  constructor(pieceBytes: number) {
    this.#pieceBytes = pieceBytes;
    this.#bytes = Buffer.allocUnsafeSlow(Math.min(pieceBytes, 64 * 1024));
  }

  /** Marks the start of a key. */
  beginKey(cursor: readonly number[]): void {
    this.#wholeLength = this.#length;
    this.#keyCursor = [...cursor];
  }

  /** Adds a record, `[start, end)` of the bytes. @returns true if there are full pieces for `drain` */
  add(bytes: Buffer, start: number, end: number): boolean {
    this.#makeRoom(end - start);
    this.#length += bytes.copy(this.#bytes, this.#length, start, end);
    return this.#length > this.#pieceBytes;
  }

  /** Yields the full pieces. @param cursor - after the record that was added last. */
  *drain(cursor: readonly number[]): Generator<PackedPiece> {
    if (this.#length > this.#pieceBytes && this.#wholeLength > 0) {
      yield { bytes: this.#cut(this.#wholeLength), cursor: this.#keyCursor };
    }
    if (this.#length > this.#pieceBytes) yield { bytes: this.#cut(this.#length), cursor: [...cursor] };
  }

  /** Yields the last piece. */
  *end(cursor: readonly number[]): Generator<PackedPiece> {
    if (this.#length > 0) yield { bytes: this.#cut(this.#length), cursor: [...cursor] };
  }

  #cut(length: number): Buffer {
    const piece = Buffer.allocUnsafeSlow(length);
    this.#bytes.copy(piece, 0, 0, length);
    this.#bytes.copyWithin(0, length, this.#length);
    this.#length -= length;
    this.#wholeLength = 0;
    return piece;
  }

  #makeRoom(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#bytes.length, this.#length + bytes));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}
