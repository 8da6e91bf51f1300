import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** Number of bytes to read at a time: fields that matter are close together, and weights between them are skipped. */
const WINDOW_BYTES = 64 * 1024;
/** A varint has at most ten bytes. */
const MAX_VARINT_BYTES = 10;

/** One field of a protobuf message: a number, or the place of its bytes in the file. */
export interface ProtoField {
  readonly field: number;
  /** Value of a varint; 0 for any other kind. */
  readonly value: number;
  readonly start: number;
  readonly end: number;
}

/** Reads protobuf messages in a file without loading skipped parts into memory: a model's weights can be gigabytes. */
export class ProtoReader implements Disposable {
  readonly #fd: number;
  readonly #window = Buffer.allocUnsafe(WINDOW_BYTES);
  #windowStart = 0;
  #windowEnd = 0;
  readonly size: number;

  constructor(path: string) {
    this.#fd = openSync(path, 'r');
    this.size = fstatSync(this.#fd).size;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  /** Yields the fields of the message in `[start, end)`. @throws RangeError if it is not a message */
  *fields(start: number, end: number): Generator<ProtoField> {
    let at = start;
    while (at < end) {
      const tag = this.#varint(at);
      const field = Math.floor(tag.value / 8);
      const body = this.#body(tag.value % 8, tag.end);
      if (field === 0 || body.end > end) throw new RangeError('the bytes are not a protobuf message');
      yield { field, ...body };
      at = body.end;
    }
  }

  text({ start, end }: ProtoField): string {
    const bytes = Buffer.alloc(end - start);
    readSync(this.#fd, bytes, 0, bytes.length, start);
    return bytes.toString('utf8');
  }

  #body(wireType: number, at: number): Omit<ProtoField, 'field'> {
    switch (wireType) {
      case 0: {
        const { value, end } = this.#varint(at);
        return { value, start: at, end };
      }
      case 1:
        return { value: 0, start: at, end: at + 8 };
      case 2: {
        const { value: length, end: start } = this.#varint(at);
        return { value: 0, start, end: start + length };
      }
      case 5:
        return { value: 0, start: at, end: at + 4 };
      default:
        throw new RangeError('the bytes are not a protobuf message');
    }
  }

  #varint(at: number): { readonly value: number; readonly end: number } {
    let value = 0;
    for (let length = 0, scale = 1; length < MAX_VARINT_BYTES; length += 1, scale *= 0x80) {
      const byte = this.#byte(at + length);
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return { value, end: at + length + 1 };
    }
    throw new RangeError('the bytes are not a protobuf message');
  }

  #byte(at: number): number {
    if (at < this.#windowStart || at >= this.#windowEnd) {
      this.#windowStart = at;
      this.#windowEnd = at + readSync(this.#fd, this.#window, 0, WINDOW_BYTES, at);
    }
    if (at >= this.#windowEnd) throw new RangeError('the file ends in a protobuf message');
    return this.#window[at - this.#windowStart] ?? 0;
  }
}
