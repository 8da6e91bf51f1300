import { delimiterOf, rowsOf } from './csv-dialect.ts';
import { readCsvStart } from './csv-header.ts';
import { parseRow, rowPacking, type RowShape, rowShape } from './csv-rows.ts';
import type { DecodedRun } from './decoded-run.ts';
import { formatOfRecords } from './format-of-records.ts';
import type { InputOptions, ReadElement, ReadRequest } from './format.ts';
import { linePieces } from './lines.ts';
import { CsvNumberScanner } from './numbers/csv-number-scanner.ts';
import { NumberBlocks } from './numbers/number-rows.ts';
import type { ElementReader } from './numbers/packed-text.ts';
import { fieldNames, packingParser } from './numbers/packing-parser.ts';
import { parsePages, type RecordParser } from './pages.ts';
import { splitRecords } from './record-splitter.ts';
import { failedLine, parseText, trimLineEnding } from './record-text.ts';

/** CSV and TSV (RFC 4180): each row that is not blank is an object by the header's names, or an array without a header. */
export const csv = formatOfRecords({
  positions: 'offset',
  splitter: rowsOf,
  splitsAtLines: ({ quotedNewlines }) => quotedNewlines === false,
  hasQuotedFields: true,
  begin: readCsvStart,
  read: readCsvRows,
  packing: (header, input) => rowPacking(rowShape(header, input)),
});

export function readCsvRows(request: ReadRequest): AsyncGenerator<readonly ReadElement[]> {
  const { range, input } = request;
  const { header, dialect } = range;
  const { maxElementBytes } = input;
  if (header === undefined) throw new TypeError("Cannot read CSV as 'range.header' must be given");
  const runs = splitRecords(linePieces(request), rowsOf(input, dialect), { ...request, maxElementBytes });
  const columns = { header, delimiter: delimiterOf(input, dialect) };
  const parser = rowParser(rowShape(header, input), columns.delimiter, input);
  return parsePages(runs, packingRows(parser, columns, request) ?? parser, request);
}

interface Columns {
  readonly header: readonly string[];
  readonly delimiter: string;
}

/** Packs the numbers of rows if the request asks for numbers; undefined if it doesn't, or no row can be packed. */
function packingRows(
  parser: RecordParser,
  { header, delimiter }: Columns,
  { numbers, watch, input }: ReadRequest,
): RecordParser | undefined {
  if (numbers === undefined || watch !== undefined) return undefined;
  const { maxElementBytes } = input;
  const blocks = new NumberBlocks(numbers.inputs);
  const columns = { header, delimiter: delimiter.charCodeAt(0) };
  const scanner = CsvNumberScanner.of(numbers, fieldNames(input), { blocks, columns });
  if (scanner === undefined) return undefined;
  const parse = parseRow(rowShape(header, input), delimiter);
  const reader: ElementReader = {
    hasJsonText: false,
    readAgain: (run, start, end) => parse(run.text(start, end) ?? '', run.position + start),
  };
  return packingParser(parser, { scanner, blocks, reader, maxElementBytes, textStart, textEnd });
}

function textStart(_run: DecodedRun, start: number): number {
  return start;
}

function textEnd({ bytes }: DecodedRun, start: number, rowEnd: number): number {
  return trimLineEnding(bytes, start, rowEnd);
}

function rowParser(shape: RowShape, delimiter: string, { maxElementBytes }: InputOptions): RecordParser {
  const element = parseText(maxElementBytes, parseRow(shape, delimiter));
  return {
    parse(run, start, rowEnd) {
      const end = trimLineEnding(run.bytes, start, rowEnd);
      return start === end ? undefined : element(run, run.position + start, start, end);
    },
    fail(run) {
      const isBlank = run.reason === 'refused' && trimLineEnding(run.bytes, 0, run.bytes.length) === 0;
      return isBlank ? undefined : failedLine(run, maxElementBytes);
    },
  };
}
