/** Tags of the lists of the bytes of each strip, and of each tile. */
const BYTE_COUNT_TAGS: readonly number[] = [279, 325];
/** Bytes of a value, by its type. */
const VALUE_BYTES: Readonly<Record<number, number>> = { 3: 2, 4: 4, 16: 8 };
const BIG_VERSION = 43;

/** Reads the numbers of a TIFF or BigTIFF in its byte order; 0 past its end. */
class TiffReader {
  readonly bytes: Buffer;
  readonly isBig: boolean;
  readonly #isLittle: boolean;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.#isLittle = bytes[0] === 0x49;
    this.isBig = this.number(2, 2) === BIG_VERSION;
  }

  number(at: number, size: number): number {
    if (at + size > this.bytes.length) return 0;
    if (size === 8) return Number(this.#isLittle ? this.bytes.readBigUInt64LE(at) : this.bytes.readBigUInt64BE(at));
    return this.#isLittle ? this.bytes.readUIntLE(at, size) : this.bytes.readUIntBE(at, size);
  }

  /** Reads an offset, or a number of values. */
  offset(at: number): number {
    return this.number(at, this.isBig ? 8 : 4);
  }

  get firstDirectory(): number {
    return this.offset(this.isBig ? 8 : 4);
  }

  /** Returns the offsets of a directory's entries and of the next directory. */
  directory(at: number): { readonly entries: number; readonly count: number; readonly end: number } {
    const entries = at + (this.isBig ? 8 : 2);
    const count = this.number(at, this.isBig ? 8 : 2);
    return { entries, count, end: entries + count * this.entryBytes };
  }

  get entryBytes(): number {
    return this.isBig ? 20 : 12;
  }
}

/** Counts the directories up to above `most`; those of a list that repeats itself count again and again. */
export function countTiffPages(bytes: Buffer, most: number): number {
  const reader = new TiffReader(bytes);
  let count = 0;
  for (let at = reader.firstDirectory; at > 0 && at < bytes.length && count <= most; count += 1) {
    at = reader.offset(reader.directory(at).end);
  }
  return count;
}

/**
 * Sums the bytes of the first page's strips or tiles. They may share bytes of the file, which the decoder then copies
 * for each of them.
 */
export function stripBytesOf(bytes: Buffer): number {
  const reader = new TiffReader(bytes);
  const { entries, count, end } = reader.directory(reader.firstDirectory);
  if (end > bytes.length) return 0;
  const found = new Map<number, number>();
  for (let index = 0; index < count; index += 1) {
    const entry = entries + index * reader.entryBytes;
    const tag = reader.number(entry, 2);
    // If a tag comes twice, the decoder takes the first.
    if (!found.has(tag)) found.set(tag, entry);
  }
  const lists = BYTE_COUNT_TAGS.flatMap((tag) => found.get(tag) ?? []);
  return lists.reduce((sum, entry) => sum + sumOfValues(reader, entry), 0);
}

function sumOfValues(reader: TiffReader, entry: number): number {
  const size = VALUE_BYTES[reader.number(entry + 2, 2)];
  if (size === undefined) return 0;
  const count = reader.offset(entry + 4);
  const value = entry + (reader.isBig ? 12 : 8);
  // Values that fit into the entry are in it.
  const first = count * size <= (reader.isBig ? 8 : 4) ? value : reader.offset(value);
  const end = Math.min(first + count * size, reader.bytes.length);
  let sum = 0;
  for (let at = first; at + size <= end; at += size) sum += Math.min(reader.number(at, size), reader.bytes.length);
  return sum;
}
