import { delimiterOf, rowsOf } from './csv-dialect.ts';
import { readCsvStart } from './csv-header.ts';
import { parseRow, rowPacking, type RowShape, rowShape } from './csv-rows.ts';
import { formatOfRecords } from './format-of-records.ts';
import type { InputOptions, ReadElement, ReadRequest } from './format.ts';
import { linePieces } from './lines.ts';
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
  return parsePages(runs, rowParser(rowShape(header, input), delimiterOf(input, dialect), input), request);
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
