import type { ByteRange } from '../../stores/byte-source.ts';
import { failure } from '../read-element.ts';
import type { ErrorDescription } from '../../errors.ts';
import type { ReadBytes } from './chunk-bytes.ts';
import { PageDecoder, type ReadHeader, valuesOf } from './column-page.ts';
import type { ColumnValues } from './column-values.ts';
import type { Chunk } from './footer.ts';
import { PageError, readPageHeader } from './page-headers.ts';
import type { Leaf } from './schema.ts';

/** Consecutive rows of one leaf: their values, or why they can't be read. */
export type LeafRows =
  | { readonly rows: number; readonly values: ColumnValues; readonly failure?: undefined }
  | { readonly rows: number; readonly failure: ErrorDescription };

export interface CursorOptions {
  readonly leaf: Leaf;
  readonly chunk: Chunk;
  readonly read: ReadBytes;
  /** Ranges of the chunk to read, in order: all of it, or the dictionary and some of the pages. */
  readonly ranges: readonly ByteRange[];
  /** Index in the group of the first row of the pages to read. */
  readonly firstRow: number;
  /** Index in the group behind the last row to read. */
  readonly endRow: number;
}

/** Reads the pages of one leaf in one row group, one after the other. A page that is damaged fails its rows. */
export class ColumnCursor {
  readonly #options: CursorOptions;
  readonly #decoder: PageDecoder;
  /** Index in the group of the next row. */
  #row: number;
  #range = 0;
  #at: number;
  /** The row that may go on in the next page. */
  #open: unknown[] = [];
  #dictionaryFailure: unknown;

  constructor(options: CursorOptions) {
    this.#options = options;
    this.#decoder = new PageDecoder(options.leaf, options.chunk.metadata.codec);
    this.#row = options.firstRow;
    this.#at = options.ranges[0]?.start ?? 0;
  }

  /** Returns the rows of the next page, from a row on; pages before it are not decoded if they need not be. */
  async next(fromRow: number): Promise<LeafRows> {
    for (;;) {
      const start = this.#row;
      const rows = await this.#nextPage(fromRow);
      if (rows === undefined) {
        this.#row = Math.max(start, fromRow);
        return this.#failRest(new RangeError('the column ends before its last row'));
      }
      this.#row += rows.rows;
      if (this.#row <= fromRow) continue;
      const skipped = Math.max(0, fromRow - start);
      if (rows.failure !== undefined) return { ...rows, rows: rows.rows - skipped };
      return skipped === 0 ? rows : { rows: rows.rows - skipped, values: sliceOf(rows.values, skipped, rows.rows) };
    }
  }

  /** Returns the rows of the next page; those before `fromRow` without values if possible. */
  async #nextPage(fromRow: number): Promise<LeafRows | undefined> {
    const { ranges, endRow } = this.#options;
    for (;;) {
      if (this.#at >= (ranges[this.#range]?.end ?? 0)) {
        this.#range += 1;
        const next = ranges[this.#range];
        if (next === undefined) return this.#lastRow();
        this.#at = next.start;
        continue;
      }
      const page = await this.#header().catch(damaged);
      if (page instanceof PageError) return this.#failRest(page);
      const { header, byteLength } = page;
      const bytesStart = this.#at + byteLength;
      this.#at = bytesStart + header.compressed_page_size;
      if (header.type === 'INDEX_PAGE') continue;
      const isData = header.type !== 'DICTIONARY_PAGE';
      const rows = isData ? this.#rowsOf(page) : 0;
      if (isData && rows !== undefined && this.#row + rows <= fromRow) {
        return { rows, values: [] };
      }
      const bytes = await this.#options.read({ start: bytesStart, end: this.#at });
      try {
        if (!isData) {
          this.#decoder.setDictionary({ header, bytes });
          continue;
        }
        if (this.#dictionaryFailure !== undefined) throw this.#dictionaryFailure;
        const read = this.#decoder.values({ header, bytes }, rows === undefined ? this.#open : []);
        const values = rows === undefined ? this.#withoutLast(read as unknown[]) : read;
        if (values.length === 0) continue;
        if (values.length < (rows ?? 0)) throw new RangeError('it has fewer rows than its header says');
        return { rows: Math.min(values.length, endRow - this.#row), values };
      } catch (error) {
        if (!isData) {
          this.#dictionaryFailure = error;
          continue;
        }
        return rows === undefined ? this.#failRest(error) : this.#failed(rows, error);
      }
    }
  }

  /** Returns the number of rows of a page, if its header has it: not in lists of the first version of pages. */
  #rowsOf({ header }: ReadHeader): number | undefined {
    const { leaf, endRow } = this.#options;
    const rows = leaf.isRepeated ? header.data_page_header_v2?.num_rows : valuesOf(header);
    if (rows === undefined || !(rows >= 0)) return undefined;
    return Math.min(rows, endRow - this.#row);
  }

  /** Keeps the last row of a list, which may go on in the next page. */
  #withoutLast(values: unknown[]): unknown[] {
    this.#open = values.splice(-1);
    return values;
  }

  #lastRow(): LeafRows | undefined {
    if (this.#open.length === 0) return undefined;
    const values = this.#open;
    this.#open = [];
    return { rows: 1, values };
  }

  #header(): Promise<ReadHeader> {
    const { ranges, read } = this.#options;
    return readPageHeader(read, { start: this.#at, end: ranges[this.#range]?.end ?? this.#at });
  }

  #failed(rows: number, error: unknown): LeafRows {
    this.#open = [];
    const { leaf } = this.#options;
    const problem = error instanceof Error ? error.message : String(error);
    const message = `A page of column '${leaf.path}' can't be read: ${problem.replace(/^parquet /, '')}`;
    return { rows, failure: failure('ParquetPageError', message) };
  }

  /** Fails the rows up to the end: what follows can't be assigned to rows. */
  #failRest(error: unknown): LeafRows {
    const { ranges, endRow } = this.#options;
    this.#range = ranges.length;
    return this.#failed(Math.max(0, endRow - this.#row), error);
  }
}

/** Returns a damaged page's error. @throws any other error, such as a store's */
function damaged(error: unknown): PageError {
  if (error instanceof PageError) return error;
  throw error;
}

/** Returns some of the values of a column. */
export function sliceOf(values: ColumnValues, start: number, end: number): ColumnValues {
  if (start === 0 && end === values.length) return values;
  return Array.isArray(values) ? values.slice(start, end) : (values as Float64Array).subarray(start, end);
}
