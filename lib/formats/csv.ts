import { delimiterOf, rowsOf } from './csv-dialect.ts';
import { parseRow, type RowShape, rowShape } from './csv-rows.ts';
import type { InputOptions, ReadElements } from './format.ts';
import { linePieces } from './lines.ts';
import { parsePages, type RecordParser } from './pages.ts';
import { splitRecords } from './record-splitter.ts';
import { failedLine, parseText, trimLineEnding } from './record-text.ts';

/** CSV and TSV (RFC 4180): each row that is not blank is an object by the header's names, or an array without a header. */
export const readCsvRows: ReadElements = (source, range, input, options = {}) => {
  const { header, dialect } = range;
  if (header === undefined) throw new TypeError("Cannot read CSV as 'range.header' must be given");
  const pieces = linePieces(source, range, input.maxElementBytes, options);
  const runs = splitRecords(pieces, rowsOf(input, dialect), { ...options, maxElementBytes: input.maxElementBytes });
  return parsePages(runs, rowParser(rowShape(header, input), delimiterOf(input, dialect), input), options);
};

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
