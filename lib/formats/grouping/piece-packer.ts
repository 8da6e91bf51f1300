/** A piece of sorted records, and where in each run the record after its last one starts. */
export interface PackedPiece {
  readonly bytes: Buffer;
  readonly cursor: readonly number[];
}

/**
 * Packs sorted records into pieces of about so many bytes. The records of one key stay together where they fit, and go
 * with those of other keys; those of a larger key fill pieces of their own, and the last of them goes with what follows.
 *
 * It holds one piece and a record. A piece depends on the records from its first one on, so that whoever goes on at a
 * cursor makes the same pieces.
 */
export class PiecePacker {
  readonly #pieceBytes: number;
  #bytes: Buffer;
  #length = 0;
  /** The end of the last key that is whole; 0 where there is none. */
  #wholeLength = 0;
  /** Where the key that is not whole yet starts. */
  #keyCursor: readonly number[] = [];

  constructor(pieceBytes: number) {
    this.#pieceBytes = pieceBytes;
    this.#bytes = Buffer.allocUnsafeSlow(Math.min(pieceBytes, 64 * 1024));
  }

  /** Says that a key starts here. */
  beginKey(cursor: readonly number[]): void {
    this.#wholeLength = this.#length;
    this.#keyCursor = [...cursor];
  }

  /** Takes a record, `[start, end)` of the bytes. @returns whether there are pieces to `take` */
  add(bytes: Buffer, start: number, end: number): boolean {
    this.#makeRoom(end - start);
    this.#length += bytes.copy(this.#bytes, this.#length, start, end);
    return this.#length > this.#pieceBytes;
  }

  /** @param cursor - behind the record that was added last. */
  *take(cursor: readonly number[]): Generator<PackedPiece> {
    if (this.#length > this.#pieceBytes && this.#wholeLength > 0) {
      yield { bytes: this.#cut(this.#wholeLength), cursor: this.#keyCursor };
    }
    if (this.#length > this.#pieceBytes) yield { bytes: this.#cut(this.#length), cursor: [...cursor] };
  }

  /** What is left. */
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
