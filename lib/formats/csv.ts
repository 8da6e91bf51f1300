import { rowScanner, delimiterOf } from './csv-dialect.ts';
import { parseRow } from './csv-rows.ts';
import type { InputOptions, ReadElements } from './format.ts';
import { linePieces } from './lines.ts';
import { parsePages, type RecordParser } from './pages.ts';
import { splitRecords } from './record-splitter.ts';
import { failedLine, parseText, trimLineEnding } from './record-text.ts';

/** CSV and TSV (RFC 4180): each row that is not blank is an object by the header's names. */
export const readCsvRows: ReadElements = (source, range, input, options = {}) => {
  if (range.header === undefined) throw new TypeError("Cannot read CSV as 'range.header' must be given");
  const { maxElementBytes } = input;
  const pieces = linePieces(source, range, maxElementBytes, options);
  return parsePages(splitRecords(pieces, rowScanner(input), maxElementBytes), rowParser(range.header, input), options);
};

function rowParser(header: readonly string[], input: InputOptions): RecordParser {
  const element = parseText(input.maxElementBytes, parseRow(header, delimiterOf(input)));
  return {
    parse(run, start, rowEnd) {
      const end = trimLineEnding(run.bytes, start, rowEnd);
      return start === end ? undefined : element(run, run.position + start, start, end);
    },
    fail: (run) => failedLine(run, input.maxElementBytes),
  };
}
