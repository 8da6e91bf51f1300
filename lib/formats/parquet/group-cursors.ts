import { readOffsetIndex } from 'hyparquet/src/indexes.js';
import type { ByteRange, ByteSource } from '../../stores/byte-source.ts';
import type { ReadOptions } from '../format.ts';
import { columnReaders, joinRanges } from './chunk-bytes.ts';
import { ColumnCursor } from './column-cursor.ts';
import { type Chunk, chunkOf, type Group, type ParquetFile, readBytes } from './footer.ts';
import type { Leaf } from './schema.ts';

type PageLocation = ReturnType<typeof readOffsetIndex>['page_locations'][number];

/** Rows of a group, by their indexes in it. */
export interface GroupRows {
  readonly group: Group;
  readonly start: number;
  readonly end: number;
}

/** The pages of a chunk that have some rows. */
interface ChunkPages {
  readonly ranges: readonly ByteRange[];
  readonly firstRow: number;
}

export interface CursorsOptions extends ReadOptions {
  readonly source: ByteSource;
  readonly file: ParquetFile;
  readonly leaves: readonly Leaf[];
}

/** Opens cursors over some rows of a group, one for each leaf. If the file lists its pages, only those with the rows are read. */
export async function openCursors(
  rows: GroupRows,
  { source, file, leaves, ...options }: CursorsOptions,
): Promise<readonly ColumnCursor[]> {
  const { group, start, end } = rows;
  const chunks = leaves.map((leaf) => chunkOf(group, leaf, file));
  const isWhole = start === 0 && end === group.rows;
  const pages = isWhole ? chunks.map(allPages) : await pagesOf(chunks, rows, { source, options });
  const readers = await columnReaders(
    source,
    pages.map(({ ranges }) => ranges),
    options,
  );
  return leaves.map((leaf, index) => {
    // One chunk, list of pages and reader for each leaf.
    const { ranges, firstRow } = pages[index] as ChunkPages;
    const [chunk, read] = [chunks[index] as Chunk, readers[index] as (typeof readers)[number]];
    return new ColumnCursor({ leaf, chunk, read, ranges, firstRow, endRow: end });
  });
}

function allPages({ start, end }: Chunk): ChunkPages {
  return { ranges: [{ start, end }], firstRow: 0 };
}

async function pagesOf(
  chunks: readonly Chunk[],
  rows: GroupRows,
  { source, options }: { readonly source: ByteSource; readonly options: ReadOptions },
): Promise<readonly ChunkPages[]> {
  const indexes = joinRanges(chunks.flatMap(({ offsetIndex }) => offsetIndex ?? []));
  const pieces = await Promise.all(
    indexes.map(async (range) => ({ start: range.start, bytes: await readBytes(source, range, options) })),
  );
  return chunks.map((chunk) => {
    const { offsetIndex } = chunk;
    const piece = offsetIndex && pieces.findLast(({ start }) => start <= offsetIndex.start);
    if (offsetIndex === undefined || piece === undefined) return allPages(chunk);
    const { start, bytes } = piece;
    const view = new DataView(
      bytes.buffer,
      bytes.byteOffset + offsetIndex.start - start,
      offsetIndex.end - offsetIndex.start,
    );
    return somePages(chunk, locationsIn(view), rows);
  });
}

/** Returns the pages that the file lists; none if the list is damaged: then all pages are read. */
function locationsIn(view: DataView): readonly PageLocation[] {
  try {
    return readOffsetIndex({ view, offset: 0 }).page_locations;
  } catch {
    return [];
  }
}

function somePages(chunk: Chunk, locations: readonly PageLocation[], { start, end }: GroupRows): ChunkPages {
  const first = locations.findLast(({ first_row_index }) => Number(first_row_index) <= start);
  const last = locations.findLast(({ first_row_index }) => Number(first_row_index) < end);
  const dataStart = Number(locations[0]?.offset ?? chunk.end);
  if (first === undefined || last === undefined) return allPages(chunk);
  const pages = { start: Number(first.offset), end: Number(last.offset) + last.compressed_page_size };
  const isWithin = pages.start >= dataStart && dataStart >= chunk.start && pages.end <= chunk.end;
  if (!isWithin || pages.end <= pages.start) return allPages(chunk);
  // A dictionary comes before the pages.
  const dictionary = dataStart > chunk.start ? [{ start: chunk.start, end: dataStart }] : [];
  return { ranges: [...dictionary, pages], firstRow: Number(first.first_row_index) };
}
