import type { ByteSource } from '../stores/byte-source.ts';
import { FabricError } from '../errors.ts';
import { suggestion } from '../nearest-name.ts';
import { columnNames, headerError } from './csv-columns.ts';
import { delimiterOf, rowsOf, SEPARATOR_LINE_BYTES, separatorLine } from './csv-dialect.ts';
import { splitFields } from './csv-fields.ts';
import { DecodedRun, textStartOf } from './decoded-run.ts';
import { describeInvalidUtf8 } from './encodings.ts';
import type { InputOptions, ReadOptions } from './format.ts';
import { readHead } from './head.ts';
import { DEFAULT_MAX_COLUMNS } from './input-limits.ts';
import { alignedPieces } from './lines.ts';
import type { ObjectDialect } from './plan.ts';
import type { ObjectToBegin } from './record-format.ts';
import { splitRecords } from './record-splitter.ts';
import { trimLineEnding } from './record-text.ts';

const BYTE_ORDER_MARK_BYTES = 3;

/** The columns of a CSV object, the start of its first row of data, and its delimiter if its first line names one. */
export interface CsvStart {
  readonly start: number;
  readonly header: readonly string[];
  readonly dialect?: ObjectDialect;
}

/**
 * Reads the part of a CSV object before its rows; undefined if it has no header.
 *
 * @throws FabricError `INVALID_CSV_HEADER` if the first row does not make a header.
 */
export async function readCsvStart({ source, input, ...options }: ObjectToBegin): Promise<CsvStart | undefined> {
  const head = await readHead(source, BYTE_ORDER_MARK_BYTES + SEPARATOR_LINE_BYTES, options);
  const textStart = textStartOf(head);
  const line = separatorLine(head.toString('latin1', textStart));
  const dialect = line === undefined ? undefined : { delimiter: line.delimiter };
  const start = textStart + (line?.byteLength ?? 0);
  const columns = await readColumns({ source, start, dialect }, input, options);
  if (columns !== undefined) checkColumns(columns.header, input);
  return columns && { ...columns, ...(dialect === undefined ? {} : { dialect }) };
}

/** Maximum number of names in a message. */
const MAX_NAMED = 20;

/** @throws FabricError `UNKNOWN_COLUMNS` if the object lacks a column that a model reads. */
function checkColumns(header: readonly string[], { neededColumns = [] }: InputOptions): void {
  const known = new Set(header);
  const unknown = neededColumns.filter((name) => !known.has(name));
  const [first] = unknown;
  // An object without a row that can be read has no columns.
  if (first === undefined || header.length === 0) return;
  const others = unknown.length > 1 ? ` and ${unknown.length - 1} more` : '';
  const names = header.slice(0, MAX_NAMED).join(', ') + (header.length > MAX_NAMED ? ', …' : '');
  throw new FabricError(
    'UNKNOWN_COLUMNS',
    `Cannot read the CSV file: it has no column '${first}'${others}, which the model's 'inputs' name${suggestion(first, header)}; its columns are ${names}`,
  );
}

interface Rows {
  readonly source: ByteSource;
  readonly start: number;
  readonly dialect: ObjectDialect | undefined;
}

async function readColumns(
  rows: Rows,
  input: InputOptions,
  options: ReadOptions,
): Promise<Pick<CsvStart, 'start' | 'header'> | undefined> {
  const { start } = rows;
  if (typeof input.header === 'object') return { start, header: input.header };
  const delimiter = delimiterOf(input, rows.dialect);
  for await (const { bytes, end } of textRows(rows, input, options)) {
    const text = new DecodedRun({ position: end, bytes }).text(0, bytes.length);
    const fields = text === undefined ? undefined : splitFields(text, delimiter);
    checkCount(fields, input);
    if (input.header !== false) return { start: end, header: headerOf(fields, bytes, input) };
    // A row that fails does not show how the others are.
    if (typeof fields === 'object') return { start, header: fields.map((_, index) => String(index)) };
  }
  return input.header === false ? { start, header: [] } : undefined;
}

/** Yields the rows that are not blank, without their line endings, and where each ends. */
async function* textRows(
  { source, start, dialect }: Rows,
  input: InputOptions,
  options: ReadOptions,
): AsyncGenerator<{ readonly bytes: Buffer; readonly end: number }> {
  const pieces = alignedPieces(source, { start, end: source.byteLength }, options);
  for await (const run of splitRecords(pieces, rowsOf(input, dialect), {
    ...options,
    maxElementBytes: input.maxElementBytes,
  })) {
    if (run.kind !== 'records') {
      if (input.header === false) continue;
      throw headerError('its first row does not end');
    }
    let rowStart = 0;
    for (const rowEnd of run.ends) {
      const end = trimLineEnding(run.bytes, rowStart, rowEnd);
      if (end > rowStart) yield { bytes: run.bytes.subarray(rowStart, end), end: run.position + rowEnd };
      rowStart = rowEnd;
    }
  }
}

function checkCount(
  fields: ReturnType<typeof splitFields> | undefined,
  { maxColumns = DEFAULT_MAX_COLUMNS }: InputOptions,
): void {
  if (typeof fields !== 'object' || fields.length <= maxColumns) return;
  throw headerError(`it has ${fields.length} columns, more than 'input.maxColumns', ${maxColumns}`);
}

function headerOf(
  fields: ReturnType<typeof splitFields> | undefined,
  bytes: Buffer,
  input: InputOptions,
): readonly string[] {
  if (fields === undefined) throw headerError(describeInvalidUtf8(bytes));
  if (fields === 'UnclosedQuote') throw headerError('a quoted name is not closed');
  if (fields === 'StrayQuote') throw headerError('text follows the closing quote of a name');
  return columnNames(fields, input);
}
