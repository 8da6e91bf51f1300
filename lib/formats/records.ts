/** Some bytes of an object, with the offset of the first. */
export interface Piece {
  readonly position: number;
  readonly bytes: Buffer;
}

/**
 * A part of an object's bytes. The runs of an object are in order and without gaps:
 *
 * - `records`: complete records without gaps; `ends` are their ends in `bytes`, exclusive, line endings included.
 * - `failed`: one record that has no end within the limit (`tooLarge`) or at all (`unclosed`); `bytes` can be only its
 *   first bytes.
 * - `rest`: bytes that belong to no record: more of the `tooLarge` one before, or whitespace between records.
 */
export type RecordRun =
  | (Piece & { readonly kind: 'records'; readonly ends: readonly number[] })
  | (Piece & { readonly kind: 'failed'; readonly reason: 'tooLarge' | 'unclosed' })
  | (Piece & { readonly kind: 'rest' });

/** Cuts an object's bytes into runs of records. The ends of records depend on the bytes alone, never on the chunks. */
export interface Splitter {
  /** Adds the next bytes, and yields the runs that are now complete. */
  push(bytes: Buffer): Iterable<RecordRun>;
  /** Yields the rest when the object ends. */
  end(): Iterable<RecordRun>;
}

/** @param position - offset of the first byte in the object. */
export type OpenSplitter = (maxElementBytes: number, position: number) => Splitter;

/** Limits of a run: it is decoded at once, so it must fit into the processor's cache. */
export const RUN_RECORDS = 256;
export const RUN_BYTES = 256 * 1024;
/** Maximum bytes of a line ending, which a record can have in addition to its maxElementBytes. */
export const LINE_ENDING_BYTES = 2;

/** Finds the ends of records. It remembers the record that it is in, so that chunks can have any size. */
export interface RecordScanner {
  /** Returns the end of the record that continues or starts at `from`, exclusive; -1 if it is not in these bytes. */
  next(bytes: Buffer, from: number): number;
  /** Returns what the last bytes of the object are: a record, a record without its end, or nothing. */
  atEnd(rest: Buffer): 'record' | 'unclosed' | 'nothing';
  /** True if no record can follow. @default false */
  readonly done?: boolean;
  /** True if whitespace before a record is not part of it, so that it does not count for the limit. @default false */
  readonly ignoresSpace?: boolean;
}

export const LINE_FEED = 0x0a;

/** Returns the end of the line that starts or continues at `from`, with its line feed; -1 if it has no line feed. */
export function endOfLine(bytes: Buffer, from: number): number {
  const lineFeed = bytes.indexOf(LINE_FEED, from);
  return lineFeed === -1 ? -1 : lineFeed + 1;
}

/** Returns the same bytes, with Buffer's methods. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
