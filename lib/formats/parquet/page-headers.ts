import type { ByteRange } from '../../stores/byte-source.ts';
import type { ReadBytes } from './chunk-bytes.ts';
import { type ReadHeader, readHeader, valuesOf } from './column-page.ts';

/** Bytes in which the header of a page is looked for; headers with long statistics are larger. */
const HEADER_BYTES = [1024, 64 * 1024, 4 * 1024 * 1024];

/** A page is damaged, or can't be found. */
export class PageError extends Error {
  override readonly name = 'PageError';
}

/**
 * Reads the header of the page that starts a range.
 *
 * @param range - from the page to the end of its column
 * @param sizes - bytes to read, the smallest first
 * @throws PageError if it is damaged, or the page goes beyond the range
 */
export async function readPageHeader(
  read: ReadBytes,
  range: ByteRange,
  sizes: readonly number[] = HEADER_BYTES,
): Promise<ReadHeader> {
  let problem: unknown;
  for (const most of sizes) {
    const end = Math.min(range.start + most, range.end);
    const bytes = await read({ start: range.start, end });
    try {
      return wholePage(readHeader(bytes), range.end - range.start);
    } catch (error) {
      problem = error;
    }
    if (end === range.end) break;
  }
  throw new PageError(problem instanceof Error ? problem.message : 'a page has no header', { cause: problem });
}

function wholePage(page: ReadHeader, byteLength: number): ReadHeader {
  if (page.byteLength + page.header.compressed_page_size > byteLength)
    throw new RangeError('a page goes beyond its column');
  if (page.header.type !== 'INDEX_PAGE') valuesOf(page.header);
  return page;
}
