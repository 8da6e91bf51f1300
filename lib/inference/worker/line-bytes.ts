import type { ByteSink } from '../../models/row-text.ts';

const FIRST_CAPACITY = 64 * 1024;
/** Below this, a loop copies faster than a call. */
const LOOP_BYTES = 64;
const ZERO = 0x30;
const COMMA = 0x2c;

/** Bytes of lines, written one after another into a buffer that grows. */
export class LineBytes implements ByteSink {
  #bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_CAPACITY);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Appends bytes `[start, end)` of others. */
  copy(from: Uint8Array, start = 0, end = from.length): void {
    const length = end - start;
    const to = this.#room(length);
    let at = this.#length;
    if (length > LOOP_BYTES) to.set(from.subarray(start, end), at);
    else for (let index = start; index < end; index += 1) to[at++] = from[index] as number;
    this.#length += length;
  }

  copyNumbers(from: Uint8Array, start: number, count: number): number {
    let { length } = this;
    let to = this.#bytes;
    let left = count;
    for (let index = start; index < from.length; index += 1) {
      const byte = from[index] as number;
      if (byte === COMMA) {
        left -= 1;
        if (left === 0) {
          this.#length = length;
          return index + 1;
        }
      }
      if (length === to.length) {
        this.#length = length;
        to = this.#room(1);
      }
      to[length] = byte;
      length += 1;
    }
    this.#length = length;
    return from.length;
  }

  /** Appends a text as UTF-8. */
  write(text: string): void {
    this.#length += this.#room(text.length * 3).write(text, this.#length);
  }

  /** Appends the digits of an integer, 0 or more. */
  writeInteger(integer: number): void {
    let digits = 1;
    for (let power = 10; power <= integer; power *= 10) digits += 1;
    const to = this.#room(digits);
    let rest = integer;
    for (let at = this.#length + digits - 1; at >= this.#length; at -= 1) {
      const next = Math.floor(rest / 10);
      to[at] = ZERO + (rest - next * 10);
      rest = next;
    }
    this.#length += digits;
  }

  /** Returns a copy of all bytes since the last call. */
  drain(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.#bytes.subarray(0, this.#length));
    this.#length = 0;
    return bytes;
  }

  #room(length: number): Buffer {
    const needed = this.#length + length;
    if (needed <= this.#bytes.length) return this.#bytes;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
    return larger;
  }
}
