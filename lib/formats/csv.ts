import { delimiterOf, rowsOf } from './csv-dialect.ts';
import { readCsvStart } from './csv-header.ts';
import { parseRow, rowPacking, rowShape } from './csv-rows.ts';
import type { DecodedRun } from './decoded-run.ts';
import { formatOfRecords } from './format-of-records.ts';
import type { InputOptions, PageEntry, ReadElement, ReadPacked, ReadRequest } from './format.ts';
import { linePieces } from './lines.ts';
import { CsvNumberScanner } from './numbers/csv-number-scanner.ts';
import type { NumberRequest } from './numbers/number-request.ts';
import { NumberBlocks } from './numbers/number-rows.ts';
import { fieldNames, packingParser } from './numbers/packing-parser.ts';
import type { ElementReader } from './numbers/scanned-rows.ts';
import { parsePages, type RecordParser } from './pages.ts';
import { splitRecords } from './record-splitter.ts';
import type { RecordRun } from './records.ts';
import { failedLine, parseText, trimLineEnding } from './record-text.ts';

/** CSV and TSV (RFC 4180): each row that is not blank is an object by the header's names, or an array without a header. */
export const csv = formatOfRecords({
  positions: 'offset',
  splitter: rowsOf,
  splitsAtLines: ({ quotedNewlines }) => quotedNewlines === false,
  hasQuotedFields: true,
  begin: readCsvStart,
  read: readCsvRows,
  readPacked: readPackedCsvRows,
  packing: (header, input) => rowPacking(rowShape(header, input)),
});

export function readCsvRows(request: ReadRequest): AsyncGenerator<readonly ReadElement[]> {
  return parsePages(rowsIn(request), rowParser(columnsOf(request), request.input), request);
}

function readPackedCsvRows(request: ReadRequest, numbers: NumberRequest): ReturnType<ReadPacked> {
  const parser = packingRows(numbers, columnsOf(request), request.input);
  return parser && parsePages(rowsIn(request), parser, request);
}

function rowsIn(request: ReadRequest): AsyncGenerator<RecordRun> {
  const { input, range } = request;
  const { maxElementBytes } = input;
  return splitRecords(linePieces(request), rowsOf(input, range.dialect), { ...request, maxElementBytes });
}

function columnsOf({ range, input }: ReadRequest): Columns {
  const { header, dialect } = range;
  if (header === undefined) throw new TypeError("Cannot read CSV as 'range.header' must be given");
  return { header, delimiter: delimiterOf(input, dialect) };
}

interface Columns {
  readonly header: readonly string[];
  readonly delimiter: string;
}

/** Packs the numbers of rows; undefined if no row can be packed. */
function packingRows(
  numbers: NumberRequest,
  columns: Columns,
  input: InputOptions,
): RecordParser<PageEntry> | undefined {
  const { header, delimiter } = columns;
  const { maxElementBytes } = input;
  const blocks = new NumberBlocks(numbers.inputs);
  const codes = { header, delimiter: delimiter.charCodeAt(0) };
  const scanner = CsvNumberScanner.of(numbers, fieldNames(input), { blocks, columns: codes });
  if (scanner === undefined) return undefined;
  const parse = parseRow(rowShape(header, input), delimiter);
  const reader: ElementReader = {
    hasJsonText: false,
    readAgain: (run, start, end) => parse(run.text(start, end) ?? '', run.position + start),
  };
  const general = rowParser(columns, input);
  return packingParser(general, { scanner, blocks, reader, maxElementBytes, textStart, textEnd });
}

function textStart(_run: DecodedRun, start: number): number {
  return start;
}

function textEnd({ bytes }: DecodedRun, start: number, rowEnd: number): number {
  return trimLineEnding(bytes, start, rowEnd);
}

function rowParser({ header, delimiter }: Columns, input: InputOptions): RecordParser {
  const { maxElementBytes } = input;
  const element = parseText(maxElementBytes, parseRow(rowShape(header, input), delimiter));
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
