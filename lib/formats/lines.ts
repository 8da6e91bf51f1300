import type { ByteSource } from '../stores/byte-source.ts';
import type { BundleRange, ReadOptions } from './format.ts';
import { scannedBy } from './record-splitter.ts';
import { asBuffer, endOfLine, type Piece } from './records.ts';

/** How far past its range a reader asks at first, for the tail of its last line: one request instead of two. */
const TAIL_BYTES = 16 * 1024;
/** More than any line ending, so that a line that is cut here is known to be too large. */
const LINE_ENDING_ROOM = 3;

/** Every line is a record. */
export const lineSplitter = scannedBy({ next: endOfLine, atEnd: () => 'record' });

/** The bytes of a range that was cut where elements start: all of them and no others. */
export async function* alignedPieces(
  source: ByteSource,
  range: BundleRange,
  { signal }: ReadOptions = {},
): AsyncGenerator<Piece> {
  let position = range.start;
  for await (const chunk of source.read(range, signal ? { signal } : {})) {
    signal?.throwIfAborted();
    yield { position, bytes: asBuffer(chunk) };
    position += chunk.length;
  }
}

/**
 * The bytes of the lines that begin in a range. A line belongs to the range in which its first byte lies, so this starts
 * behind the first line feed at or after the byte before the range (unless the range starts a line) and ends with the first one at or after its last.
 * A last line that is too large is left where that is clear.
 */
export async function* linePieces(
  source: ByteSource,
  range: BundleRange,
  maxElementBytes: number,
  options: ReadOptions = {},
): AsyncGenerator<Piece> {
  if (range.aligned === true) {
    yield* alignedPieces(source, range, options);
    return;
  }
  const lastByte = Math.min(range.end, source.byteLength) - 1;
  let inLine = range.start === 0 || range.startsLine === true;
  const from = inLine ? range.start : range.start - 1;
  for await (const piece of piecesFrom(source, { start: from, end: range.end }, maxElementBytes, options)) {
    const start = inLine ? 0 : endOfLine(piece.bytes, 0);
    if (!inLine && (start === -1 ? piece.position + piece.bytes.length : piece.position + start) > lastByte) return;
    if (start === -1) continue;
    inLine = true;
    const end = endOfLine(piece.bytes, Math.max(start, lastByte - piece.position));
    const isLast = end !== -1 && piece.position + end > lastByte;
    yield { position: piece.position + start, bytes: piece.bytes.subarray(start, isLast ? end : undefined) };
    if (isLast) return;
  }
}

/** The range, and past it as much as is asked for, in growing steps. */
async function* piecesFrom(
  source: ByteSource,
  range: BundleRange,
  maxElementBytes: number,
  options: ReadOptions,
): AsyncGenerator<Piece> {
  const limit = Math.min(range.end + maxElementBytes + LINE_ENDING_ROOM, source.byteLength);
  let { start } = range;
  for (let tail = TAIL_BYTES; start < limit; tail *= 4) {
    const end = Math.min(Math.max(range.end, start) + tail, limit);
    yield* alignedPieces(source, { start, end }, options);
    start = end;
  }
}
