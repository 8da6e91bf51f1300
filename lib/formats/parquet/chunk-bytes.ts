import type { ByteRange, ByteSource } from '../../stores/byte-source.ts';
import type { ReadOptions } from '../format.ts';
import { readBytes } from './footer.ts';

/** Bytes that are fetched at once: if a bundle needs no more of a group, it is read by the fewest requests. */
const WHOLE_BYTES = 16 * 1024 * 1024;
/** Bytes of all windows together, over the columns of larger groups. */
const WINDOWS_BYTES = 64 * 1024 * 1024;
const MIN_WINDOW_BYTES = 256 * 1024;
const MAX_WINDOW_BYTES = 8 * 1024 * 1024;
/** Unneeded bytes between two ranges that cost less than another request. */
const MAX_GAP_BYTES = 64 * 1024;

/** Returns some bytes of an object. */
export type ReadBytes = (range: ByteRange) => Promise<Uint8Array>;

/**
 * Returns how the bytes of some columns are read: all ranges at once by few requests if they are small, else each column
 * by windows as it is decoded. It holds at most 16 MiB, or 64 MiB in windows of 256 KiB to 8 MiB for each column.
 *
 * @param ranges - one list for each column, whose bytes are read in order
 */
export async function columnReaders(
  source: ByteSource,
  ranges: readonly (readonly ByteRange[])[],
  options: ReadOptions,
): Promise<readonly ReadBytes[]> {
  const joined = joinRanges(ranges.flat());
  const total = joined.reduce((sum, { start, end }) => sum + end - start, 0);
  if (total <= WHOLE_BYTES) {
    const pieces = await Promise.all(
      joined.map(async (range) => ({ start: range.start, bytes: await readBytes(source, range, options) })),
    );
    const read: ReadBytes = async ({ start, end }) => {
      const piece = pieces.findLast((one) => one.start <= start);
      return piece?.bytes.subarray(start - piece.start, end - piece.start) ?? new Uint8Array();
    };
    return ranges.map(() => read);
  }
  const share = Math.floor(WINDOWS_BYTES / Math.max(1, ranges.length));
  const windowBytes = Math.min(MAX_WINDOW_BYTES, Math.max(MIN_WINDOW_BYTES, share));
  return ranges.map((column) => windowReader(source, { column, windowBytes }, options));
}

/** Joins ranges that are close to each other. */
export function joinRanges(ranges: readonly ByteRange[]): readonly ByteRange[] {
  const joined: { start: number; end: number }[] = [];
  for (const { start, end } of ranges.toSorted((a, b) => a.start - b.start)) {
    const last = joined.at(-1);
    if (last !== undefined && start <= last.end + MAX_GAP_BYTES) last.end = Math.max(last.end, end);
    else joined.push({ start, end });
  }
  return joined;
}

interface Windows {
  readonly column: readonly ByteRange[];
  readonly windowBytes: number;
}

/** Reads the bytes of one column through a window, which is moved on when other bytes are needed. */
function windowReader(source: ByteSource, { column, windowBytes }: Windows, options: ReadOptions): ReadBytes {
  let start = 0;
  let window: Uint8Array = new Uint8Array();
  return async (range) => {
    if (range.start < start || range.end > start + window.length) {
      const limit = column.find((one) => range.start >= one.start && range.start < one.end)?.end ?? range.end;
      const end = Math.max(range.end, Math.min(limit, range.start + windowBytes));
      // The one before is freed first.
      window = new Uint8Array();
      window = await readBytes(source, { start: range.start, end }, options);
      start = range.start;
    }
    return window.subarray(range.start - start, range.end - start);
  };
}
