import { assembleNested } from 'hyparquet/src/assemble.js';
import type { DecodedArray, ParquetParsers } from 'hyparquet';
import type { ErrorDescription } from '../../errors.ts';
import type { ByteSource } from '../../stores/byte-source.ts';
import type { ReadOptions } from '../format.ts';
import { failure } from '../read-element.ts';
import { type ColumnCursor, type LeafRows, sliceOf } from './column-cursor.ts';
import type { RowPages } from '../plan.ts';
import type { ColumnValues } from './column-values.ts';
import type { ParquetFile } from './footer.ts';
import { openCursors } from './group-cursors.ts';
import type { TableColumn } from './schema.ts';

/** Rows of a slice at most, so that nested values of few rows are made at once. */
const SLICE_ROWS = 2048;

/** A column's values in a slice: that of the first row is at `start`. Or why they can't be read. */
export type SliceColumn =
  | { readonly values: ColumnValues; readonly start: number; readonly failure?: undefined }
  | { readonly failure: ErrorDescription };

/** Consecutive rows whose values are decoded, column by column. */
export interface RowSlice {
  /** Index in the file of its first row. */
  readonly position: number;
  readonly rows: number;
  readonly columns: readonly SliceColumn[];
}

export interface SliceRequest extends ReadOptions {
  readonly source: ByteSource;
  readonly file: ParquetFile;
  readonly columns: readonly TableColumn[];
  /** Rows to read, by their indexes in the file. */
  readonly start: number;
  readonly end: number;
  /** Where the pages of these rows are, if they are in one group. @default what the file lists */
  readonly pages?: RowPages | undefined;
}

/** Reads rows in order, in slices within which no column begins another page. */
export async function* rowSlices({ start, end, ...request }: SliceRequest): AsyncGenerator<RowSlice> {
  const leaves = request.columns.flatMap((column) => column.leaves);
  for (const group of request.file.groups) {
    const rows = { group, start: Math.max(0, start - group.start), end: Math.min(group.rows, end - group.start) };
    if (rows.start >= rows.end) continue;
    const cursors = await openCursors(rows, { ...request, leaves });
    const feeds = cursors.map((cursor) => new LeafFeed(cursor));
    for (let row = rows.start; row < rows.end;) {
      request.signal?.throwIfAborted();
      for (const feed of feeds) if (feed.rows === 0) await feed.fill(row);
      const count = feeds.reduce((least, feed) => Math.min(least, feed.rows), Math.min(SLICE_ROWS, rows.end - row));
      const taken = feeds.map((feed) => feed.take(count));
      yield { position: group.start + row, rows: count, columns: tableSlices(request.columns, taken, count) };
      row += count;
    }
  }
}

/** The rows of one leaf that are decoded and not yet in a slice. */
class LeafFeed {
  readonly #cursor: ColumnCursor;
  #page: LeafRows = { rows: 0, values: [] };
  #taken = 0;

  constructor(cursor: ColumnCursor) {
    this.#cursor = cursor;
  }

  get rows(): number {
    return this.#page.rows - this.#taken;
  }

  async fill(row: number): Promise<void> {
    this.#page = { rows: 0, values: [] };
    this.#page = await this.#cursor.next(row);
    this.#taken = 0;
  }

  take(rows: number): SliceColumn {
    const { failure } = this.#page;
    const start = this.#taken;
    this.#taken += rows;
    return failure === undefined ? { values: this.#page.values, start } : { failure };
  }
}

function tableSlices(
  columns: readonly TableColumn[],
  taken: readonly SliceColumn[],
  rows: number,
): readonly SliceColumn[] {
  let next = 0;
  return columns.map((column) => {
    const leaves = taken.slice(next, next + column.leaves.length);
    next += column.leaves.length;
    const [first] = leaves;
    // A column has a leaf.
    if (first === undefined || column.leaves[0]?.isFlat === true) return first as SliceColumn;
    return nestedSlice(column, leaves, rows);
  });
}

/** Makes the values of a nested column from those of its leaves. */
function nestedSlice(column: TableColumn, leaves: readonly SliceColumn[], rows: number): SliceColumn {
  const parts = new Map<string, DecodedArray>();
  for (const [index, leaf] of leaves.entries()) {
    if (leaf.failure !== undefined) return leaf;
    const part = sliceOf(leaf.values, leaf.start, leaf.start + rows);
    parts.set(column.leaves[index]?.path ?? '', Array.from(part));
  }
  try {
    // Parsers are for variants only, whose parts are bytes here.
    assembleNested(parts, column.tree, {} as ParquetParsers);
  } catch (error) {
    return { failure: notAssembled(column, error) };
  }
  const values = parts.get(column.name) ?? [];
  return values.length === rows ? { values, start: 0 } : { failure: notAssembled(column, undefined) };
}

/** Describes damaged levels of a nested column: its parts do not fit together. */
function notAssembled({ name }: TableColumn, error: unknown): ErrorDescription {
  const problem = error instanceof Error ? `: ${error.message.replace(/^parquet /, '')}` : '';
  return failure('ParquetPageError', `The parts of column '${name}' don't fit together${problem}`);
}
