/**
 * Length-prefixed frames between a supervisor and its model host.
 *
 *     uint32 header bytes | uint32 unused | float64 body bytes | header (JSON) | body
 *
 * The body is a sequence of groups of raw bytes, each padded to 8 bytes so that a tensor can be viewed where it lies;
 * the header's `groups` says how long each is, without the padding.
 */
export interface FrameHeader {
  readonly kind: string;
  readonly groups?: readonly number[];
}

/** Bytes that are to lie one after another, from one or several sources. */
export type ByteGroup = readonly Uint8Array[];

const PREFIX_BYTES = 16;
const ALIGNMENT = 8;
const PADDING = new Uint8Array(ALIGNMENT);

/** The parts of a frame, to be written in this order; the groups' bytes are not copied. */
export function frameParts(header: FrameHeader, groups: readonly ByteGroup[] = []): Uint8Array[] {
  const lengths = groups.map((group) => group.reduce((sum, bytes) => sum + bytes.byteLength, 0));
  const json = Buffer.from(JSON.stringify({ ...header, groups: lengths }));
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32LE(json.byteLength, 0);
  prefix.writeDoubleLE(
    lengths.reduce((sum, length) => sum + padded(length), 0),
    8,
  );
  const parts: Uint8Array[] = [prefix, json];
  groups.forEach((group, index) => {
    const length = lengths[index] ?? 0;
    parts.push(...group);
    if (padded(length) > length) parts.push(PADDING.subarray(0, padded(length) - length));
  });
  return parts;
}

/** The groups of a frame's body: views on it. */
export function bodyGroups(header: FrameHeader, body: Uint8Array): Uint8Array[] {
  let offset = 0;
  return (header.groups ?? []).map((length) => {
    const group = body.subarray(offset, offset + length);
    offset += padded(length);
    return group;
  });
}

function padded(length: number): number {
  return Math.ceil(length / ALIGNMENT) * ALIGNMENT;
}

export interface FrameReaderOptions<Header> {
  /** Called for each whole frame; the body is what `allocate` gave. */
  readonly onFrame: (header: Header, body: Uint8Array) => void;
  /** Gives at least `bytes` bytes, 8-byte aligned. @default a new buffer each time */
  readonly allocate?: (bytes: number) => Uint8Array;
}

/** Puts frames together from chunks of any size. Chunks are copied, so the caller may reuse their buffer. */
export class FrameReader<Header extends FrameHeader> {
  readonly #options: FrameReaderOptions<Header>;
  readonly #prefix = Buffer.alloc(PREFIX_BYTES);
  #target: Uint8Array = this.#prefix;
  #filled = 0;
  #part: 'prefix' | 'header' | 'body' = 'prefix';
  #header: Header | undefined;

  constructor(options: FrameReaderOptions<Header>) {
    this.#options = options;
  }

  push(chunk: Uint8Array): void {
    let offset = 0;
    do {
      const wanted = Math.min(this.#target.byteLength - this.#filled, chunk.byteLength - offset);
      this.#target.set(chunk.subarray(offset, offset + wanted), this.#filled);
      this.#filled += wanted;
      offset += wanted;
      while (this.#filled === this.#target.byteLength && this.#advance());
    } while (offset < chunk.byteLength);
  }

  /** Goes on to the next part of the frame; false where that part still waits for bytes. */
  #advance(): boolean {
    if (this.#part === 'prefix') {
      this.#expect('header', Buffer.alloc(this.#prefix.readUInt32LE(0)));
      return false;
    }
    if (this.#part === 'header') {
      this.#header = JSON.parse(Buffer.from(this.#target).toString('utf8')) as Header;
      const length = this.#prefix.readDoubleLE(8);
      this.#expect('body', length === 0 ? new Uint8Array() : this.#allocate(length));
      return length === 0;
    }
    const header = this.#header;
    const body = this.#target;
    this.#expect('prefix', this.#prefix);
    if (header !== undefined) this.#options.onFrame(header, body);
    return false;
  }

  #expect(part: 'prefix' | 'header' | 'body', target: Uint8Array): void {
    this.#part = part;
    this.#target = target;
    this.#filled = 0;
  }

  #allocate(bytes: number): Uint8Array {
    const buffer = this.#options.allocate?.(bytes) ?? new Uint8Array(bytes);
    return buffer.subarray(0, bytes);
  }
}
