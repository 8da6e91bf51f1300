import { isAscii, isUtf8 } from 'node:buffer';
import type { Piece } from './records.ts';

const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/** Returns the start of the text in an object's first bytes: after a byte order mark. */
export function textStartOf(bytes: Uint8Array): number {
  return BYTE_ORDER_MARK.every((byte, index) => bytes[index] === byte) ? BYTE_ORDER_MARK.length : 0;
}

/**
 * Decodes texts of a run of records. Most runs are ASCII: these are decoded at once, and byte offsets are offsets in their
 * text. In other runs, each text is decoded separately.
 */
export class DecodedRun {
  readonly position: number;
  readonly bytes: Buffer;
  /** Start of the first record's text: after a byte order mark at the start of the object. */
  readonly textStart: number;
  readonly #isAscii: boolean;
  /** True if all bytes are UTF-8: then so is each of its texts. */
  readonly isUtf8: boolean;
  #ascii: string | undefined;

  constructor({ position, bytes }: Piece) {
    this.position = position;
    this.bytes = bytes;
    this.#isAscii = isAscii(bytes);
    this.isUtf8 = this.#isAscii || isUtf8(bytes);
    this.textStart = position === 0 ? textStartOf(bytes) : 0;
  }

  /** Returns undefined if these bytes are not UTF-8. */
  text(start: number, end: number): string | undefined {
    if (this.#isAscii) {
      this.#ascii ??= this.bytes.toString('latin1');
      return this.#ascii.slice(start, end);
    }
    if (!this.isUtf8 && !isUtf8(this.bytes.subarray(start, end))) return undefined;
    return this.bytes.toString('utf8', start, end);
  }
}
