import type { ByteRange, ByteSource } from '../../stores/byte-source.ts';
import type { ReadOptions } from '../format.ts';
import type { RowPages } from '../plan.ts';
import { columnReaders } from './chunk-bytes.ts';
import { ColumnCursor } from './column-cursor.ts';
import { type Chunk, chunkOf, type Group, type ParquetFile } from './footer.ts';
import { listedPages, type PageLocation, pagesWith } from './page-locations.ts';
import type { Leaf } from './schema.ts';

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
  /** Where the pages of these rows are. @default what the file lists */
  readonly pages?: RowPages | undefined;
}

/** Opens cursors over some rows of a group, one for each leaf. If their pages are known, only these are read. */
export async function openCursors(
  rows: GroupRows,
  { source, file, leaves, pages: planned, ...options }: CursorsOptions,
): Promise<readonly ColumnCursor[]> {
  const { group, start, end } = rows;
  const chunks = leaves.map((leaf) => chunkOf(group, leaf, file));
  const isWhole = start === 0 && end === group.rows;
  const spans =
    isWhole || planned !== undefined ? plannedSpans(planned) : await listedSpans(chunks, rows, { source, options });
  const pages = chunks.map((chunk, index) => chunkPages(chunk, spans[index]));
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

function plannedSpans(planned: RowPages = []): readonly PageLocation[] {
  return planned.map(([firstRow, start, end]) => ({ firstRow, start, end }));
}

async function listedSpans(
  chunks: readonly Chunk[],
  rows: GroupRows,
  { source, options }: { readonly source: ByteSource; readonly options: ReadOptions },
): Promise<readonly (PageLocation | undefined)[]> {
  const listed = await listedPages(chunks, source, options);
  return listed.map((pages) => pagesWith(pages, rows));
}

/** Returns the ranges of a chunk that are read: its dictionary, which comes first, and some pages; or all of it. */
function chunkPages({ start, end, metadata }: Chunk, span: PageLocation | undefined): ChunkPages {
  const isWithin = span !== undefined && span.start >= start && span.end <= end && span.end > span.start;
  if (!isWithin) return { ranges: [{ start, end }], firstRow: 0 };
  const dataStart = Number(metadata.data_page_offset);
  const dictionary = dataStart > start ? [{ start, end: Math.min(dataStart, span.start) }] : [];
  return { ranges: [...dictionary, { start: span.start, end: span.end }], firstRow: span.firstRow };
}
