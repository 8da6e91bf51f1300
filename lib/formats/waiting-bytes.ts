const NONE = Buffer.alloc(0);

/**
 * Bytes that wait for more, in one piece. Removed bytes are never overwritten. The number of bytes copied is a
 * small multiple of the number appended, however long bytes wait.
 */
export class WaitingBytes {
  #bytes: Buffer = NONE;
  /** Memory whose last used bytes are `#bytes`; empty if they are in memory of another owner. */
  #memory: Buffer = NONE;
  #used = 0;

  get bytes(): Buffer {
    return this.#bytes;
  }

  append(bytes: Buffer): void {
    if (this.#bytes.length === 0) {
      this.#bytes = bytes;
      this.#memory = NONE;
      this.#used = 0;
      return;
    }
    const length = this.#bytes.length + bytes.length;
    if (this.#used + bytes.length > this.#memory.length) this.#move(bytes.length);
    this.#used += bytes.copy(this.#memory, this.#used);
    this.#bytes = this.#memory.subarray(this.#used - length, this.#used);
  }

  /** Removes and returns the first of them. */
  shift(byteLength: number): Buffer {
    const removed = this.#bytes.subarray(0, byteLength);
    this.#bytes = this.#bytes.subarray(byteLength);
    return removed;
  }

  /** Copies them to memory with room for `more`, and for the same number again if many wait. */
  #move(more: number): void {
    const { length } = this.#bytes;
    this.#memory = Buffer.allocUnsafeSlow(length + more + (length > more ? length : 0));
    this.#used = this.#bytes.copy(this.#memory);
  }
}
