import type { ByteSource } from '../../stores/byte-source.ts';
import type { ReadOptions } from '../format.ts';
import type { RowPages } from '../plan.ts';
import type { Chunk, Group } from './footer.ts';
import { listedPages, type PageLocation, pagesWith, walkedPages } from './page-locations.ts';
import type { Leaf } from './schema.ts';

/**
 * Pages that are looked up to plan a file: without a limit, planning a large file would read all of its headers. It is
 * enough for a file with one row group of a million rows and 40 columns.
 */
const MAX_PAGES = 2000;
/** Writers make pages of this number of rows or of bytes at most; both are only estimates here. */
const PAGE_ROWS = 20_000;
const PAGE_BYTES = 1024 * 1024;

/** The start of a bundle, and where its pages are, if that is known. */
export interface BundleStart {
  readonly start: number;
  readonly pages?: RowPages;
}

export interface GroupToCut {
  readonly group: Group;
  readonly leaves: readonly Leaf[];
  readonly chunks: readonly Chunk[];
  /** Uncompressed bytes of the chunks. */
  readonly bytes: number;
}

export interface GroupCutterOptions extends ReadOptions {
  readonly source: ByteSource;
  readonly bundleBytes: number;
}

/** Cuts row groups into bundles where pages begin. */
export class GroupCutter {
  readonly #options: GroupCutterOptions;
  #pagesLeft = MAX_PAGES;

  constructor(options: GroupCutterOptions) {
    this.#options = options;
  }

  /** Returns the bundles of a group: one if its pages are not known, or it is small enough. */
  async cut(request: GroupToCut): Promise<readonly BundleStart[]> {
    const { group, chunks, bytes } = request;
    const most = Math.min(group.rows, Math.ceil(bytes / this.#options.bundleBytes));
    const count = Math.min(most, maxBundles(chunks));
    if (count <= 1) return [{ start: group.start }];
    const areListed = chunks.every(({ offsetIndex }) => offsetIndex !== undefined);
    const pages = await this.#pages(request, areListed);
    if (pages !== undefined) return cutAtPages(request, pages, count);
    if (!areListed) return [{ start: group.start }];
    // Each bundle reads the list itself.
    return Array.from({ length: count }, (_, index) => ({
      start: group.start + Math.floor((index * group.rows) / count),
    }));
  }

  /** Returns the pages of each chunk; undefined if they are too many, or can't be found. */
  async #pages(
    { group, leaves, chunks }: GroupToCut,
    areListed: boolean,
  ): Promise<readonly (readonly PageLocation[])[] | undefined> {
    const { source, signal } = this.#options;
    const options = signal === undefined ? {} : { signal };
    const estimate = chunks.reduce((sum, { metadata }) => {
      const byBytes = Number(metadata.total_uncompressed_size) / PAGE_BYTES;
      return sum + Math.ceil(Math.max(1, byBytes, group.rows / PAGE_ROWS));
    }, 0);
    if (estimate > this.#pagesLeft) return undefined;
    this.#pagesLeft -= estimate;
    const pages = areListed
      ? await listedPages(chunks, source, options)
      : await walkedPages({ leaves, chunks, source, ...options });
    return pages?.every((one) => one.length > 0) === true ? pages : undefined;
  }
}

/**
 * Returns the number of bundles of a group in which dictionaries are at most half of what is decoded: each bundle decodes
 * the dictionaries of its columns again.
 */
function maxBundles(chunks: readonly Chunk[]): number {
  let dictionaries = 0;
  let pages = 0;
  for (const { start, end, metadata } of chunks) {
    const dataStart = Math.min(end, Math.max(start, Number(metadata.data_page_offset)));
    dictionaries += dataStart - start;
    pages += end - dataStart;
  }
  return dictionaries === 0 ? Infinity : Math.max(1, Math.floor(pages / dictionaries));
}

/** Cuts a group evenly, at the nearest beginnings of pages of its largest column. */
function cutAtPages(
  { group, chunks }: GroupToCut,
  pages: readonly (readonly PageLocation[])[],
  count: number,
): readonly BundleStart[] {
  const sizes = chunks.map(({ metadata }) => Number(metadata.total_uncompressed_size));
  const borders = (pages[sizes.indexOf(Math.max(...sizes))] ?? []).map(({ firstRow }) => firstRow);
  const starts = new Set([0]);
  for (let index = 1; index < count; index += 1) {
    const wanted = (index * group.rows) / count;
    const after = borders.find((row) => row >= wanted) ?? group.rows;
    const before = borders.findLast((row) => row < wanted) ?? 0;
    const nearest = after - wanted < wanted - before ? after : before;
    if (nearest < group.rows) starts.add(nearest);
  }
  const sorted = [...starts].toSorted((a, b) => a - b);
  return sorted.map((start, index) => {
    const end = sorted[index + 1] ?? group.rows;
    const spans = pages.map((one) => pagesWith(one, { start, end }));
    const known = spans.flatMap((span) => (span === undefined ? [] : [span]));
    const places = known.map((span) => [span.firstRow, span.start, span.end] as const);
    const position = group.start + start;
    return known.length === spans.length ? { start: position, pages: places } : { start: position };
  });
}
