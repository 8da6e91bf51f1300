/** Some bytes of an object, with the offset of the first. */
export interface Piece {
  readonly position: number;
  readonly bytes: Buffer;
}

/**
 * What becomes of an object's bytes, in order and without gaps:
 *
 * - `records`: whole records, back to back; `ends` are their ends in `bytes`, exclusive, line endings included.
 * - `failed`: one record that has no end within the limit (`tooLarge`) or at all (`unclosed`); `bytes` may be only its
 *   first.
 * - `rest`: bytes of no record: more of the `tooLarge` one before, or whitespace between records.
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

/** A run is decoded at once, so it is kept small enough to stay in the processor's cache. */
export const RUN_RECORDS = 256;
export const RUN_BYTES = 256 * 1024;
/** Maximum bytes of a line ending, which a record may have in addition to its maxElementBytes. */
export const LINE_ENDING_BYTES = 2;

/** Finds where records end. It remembers the record that it is in, so that bytes may come in chunks of any size. */
export interface RecordScanner {
  /** The end of the record that goes on or starts at `from`, exclusive; -1 where these bytes do not hold it. */
  next(bytes: Buffer, from: number): number;
  /** What is left when the object ends: a record, or one that lacks its end, or nothing. */
  atEnd(rest: Buffer): 'record' | 'unclosed' | 'nothing';
  /** Whether no record can follow. */
  readonly done?: boolean;
  /** True if whitespace before a record is not part of it, so that it does not count for the limit. @default false */
  readonly ignoresSpace?: boolean;
}

export const LINE_FEED = 0x0a;

/** The end of the line that starts or goes on at `from`, exclusive, its line feed included; -1 where there is none. */
export function endOfLine(bytes: Buffer, from: number): number {
  const lineFeed = bytes.indexOf(LINE_FEED, from);
  return lineFeed === -1 ? -1 : lineFeed + 1;
}

/** The same bytes, with Buffer's methods. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
