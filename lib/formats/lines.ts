import type { ByteRange, ByteSource } from '../stores/byte-source.ts';
import { lineFeedSource } from '../stores/line-feed-source.ts';
import type { ReadOptions, ReadRequest } from './format.ts';
import type { ObjectDialect } from './plan.ts';
import { scannedBy } from './record-splitter.ts';
import { asBuffer, endOfLine, type Piece } from './records.ts';

/** Bytes after its range that a reader requests at first, for the end of its last line: one request instead of two. */
const TAIL_BYTES = 16 * 1024;
/** More bytes than any line ending has, so that a line that is cut here is known to be too large. */
const LINE_ENDING_ROOM = 3;

/** Every line is a record. */
export const lineSplitter = scannedBy({ next: endOfLine, atEnd: () => 'record' });

/** Returns the bytes of an object for readers that look for line feeds. */
export function inDialect(source: ByteSource, dialect: ObjectDialect | undefined): ByteSource {
  return dialect?.carriageReturns === true ? lineFeedSource(source) : source;
}

/** Yields the bytes of a range that was cut where elements start: all of them and no others. */
export async function* alignedPieces(
  source: ByteSource,
  range: ByteRange,
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
 * Yields the bytes of the lines that begin in a range. A line belongs to the range that contains its first byte. So the
 * lines start after the first line feed at or after the byte before the range (unless the range starts a line), and end
 * with the first line feed at or after the range's last byte. A last line that is too large is not read to its end.
 */
export async function* linePieces({ source: written, range, input, ...options }: ReadRequest): AsyncGenerator<Piece> {
  const source = inDialect(written, range.dialect);
  if (range.aligned === true) {
    yield* alignedPieces(source, range, options);
    return;
  }
  const lastByte = Math.min(range.end, source.byteLength) - 1;
  let inLine = range.start === 0 || range.startsLine === true;
  const from = inLine ? range.start : range.start - 1;
  const limit = Math.min(range.end + input.maxElementBytes + LINE_ENDING_ROOM, source.byteLength);
  for await (const piece of piecesFrom(source, { start: from, end: range.end, limit }, options)) {
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

/** Yields the range, and the bytes after it up to the limit while the caller asks for them, in growing steps. */
async function* piecesFrom(
  source: ByteSource,
  { limit, ...range }: ByteRange & { readonly limit: number },
  options: ReadOptions,
): AsyncGenerator<Piece> {
  let { start } = range;
  for (let tail = TAIL_BYTES; start < limit; tail *= 4) {
    const end = Math.min(Math.max(range.end, start) + tail, limit);
    yield* alignedPieces(source, { start, end }, options);
    start = end;
  }
}
