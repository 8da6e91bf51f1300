import { readOffsetIndex } from 'hyparquet/src/indexes.js';
import type { ByteSource } from '../../stores/byte-source.ts';
import type { ReadOptions } from '../format.ts';
import { joinRanges, type ReadBytes } from './chunk-bytes.ts';
import { valuesOf } from './column-page.ts';
import { type Chunk, readBytes } from './footer.ts';
import { PageError, readPageHeader } from './page-headers.ts';
import type { Leaf } from './schema.ts';

/** A page of data. */
export interface PageLocation {
  /** Index in the row group of its first row. */
  readonly firstRow: number;
  /** Its bytes, with its header. */
  readonly start: number;
  readonly end: number;
}

/** Bytes of the first read of a header: most have fewer. */
const WALK_BYTES = [256, 8 * 1024, 4 * 1024 * 1024];
/** Columns whose pages are walked at once. */
const WALKS_AT_ONCE = 16;

/** Reads the pages that the file lists of some chunks, by one request in most cases. A damaged list is an empty one. */
export async function listedPages(
  chunks: readonly Chunk[],
  source: ByteSource,
  options: ReadOptions,
): Promise<readonly (readonly PageLocation[])[]> {
  const indexes = joinRanges(chunks.flatMap(({ offsetIndex }) => offsetIndex ?? []));
  const pieces = await Promise.all(
    indexes.map(async (range) => ({ start: range.start, bytes: await readBytes(source, range, options) })),
  );
  return chunks.map((chunk) => {
    const { offsetIndex } = chunk;
    const piece = offsetIndex && pieces.findLast(({ start }) => start <= offsetIndex.start);
    if (offsetIndex === undefined || piece === undefined) return [];
    const offset = piece.bytes.byteOffset + offsetIndex.start - piece.start;
    const pages = locationsIn(new DataView(piece.bytes.buffer, offset, offsetIndex.end - offsetIndex.start));
    return pages.every(({ start, end }) => start >= chunk.start && end > start && end <= chunk.end) ? pages : [];
  });
}

function locationsIn(view: DataView): readonly PageLocation[] {
  try {
    const { page_locations: pages } = readOffsetIndex({ view, offset: 0 });
    return pages.map(({ first_row_index, offset, compressed_page_size }) => {
      const start = Number(offset);
      return { firstRow: Number(first_row_index), start, end: start + compressed_page_size };
    });
  } catch {
    return [];
  }
}

/** Pages of data of a row group are found by walking from header to header. */
export interface PageWalk extends ReadOptions {
  readonly leaves: readonly Leaf[];
  readonly chunks: readonly Chunk[];
  readonly source: ByteSource;
}

/**
 * Finds the pages of some chunks by their headers. Undefined if they can't be found: if a row has several values, and so
 * the headers do not have the numbers of rows, or if a header is damaged.
 */
export async function walkedPages({
  leaves,
  chunks,
  source,
  ...options
}: PageWalk): Promise<readonly (readonly PageLocation[])[] | undefined> {
  if (leaves.some(({ isRepeated }) => isRepeated)) return undefined;
  const read: ReadBytes = (range) => readBytes(source, range, options);
  const all: (readonly PageLocation[])[] = [];
  for (let from = 0; from < chunks.length; from += WALKS_AT_ONCE) {
    const walks = chunks.slice(from, from + WALKS_AT_ONCE).map((chunk) => walk(chunk, read));
    for (const pages of await Promise.all(walks)) {
      if (pages === undefined) return undefined;
      all.push(pages);
    }
  }
  return all;
}

async function walk(chunk: Chunk, read: ReadBytes): Promise<readonly PageLocation[] | undefined> {
  const pages: PageLocation[] = [];
  let firstRow = 0;
  for (let start = chunk.start; start < chunk.end;) {
    const page = await readPageHeader(read, { start, end: chunk.end }, WALK_BYTES).catch(ifDamaged);
    if (page === undefined) return undefined;
    const { header, byteLength } = page;
    const end = start + byteLength + header.compressed_page_size;
    if (header.type === 'DATA_PAGE' || header.type === 'DATA_PAGE_V2') {
      pages.push({ firstRow, start, end });
      firstRow += valuesOf(header);
    }
    start = end;
  }
  return pages;
}

/** Returns undefined for a damaged page. @throws any other error, such as a store's */
function ifDamaged(error: unknown): undefined {
  if (!(error instanceof PageError)) throw error;
}

/** Returns the pages with some rows, `[start, end)`. Undefined if they are not known. */
export function pagesWith(
  pages: readonly PageLocation[],
  { start, end }: { readonly start: number; readonly end: number },
): PageLocation | undefined {
  const first = pages.findLast(({ firstRow }) => firstRow <= start);
  const last = pages.findLast(({ firstRow }) => firstRow < end);
  if (first === undefined || last === undefined || last.end <= first.start) return undefined;
  return { firstRow: first.firstRow, start: first.start, end: last.end };
}
