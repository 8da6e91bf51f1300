import { ConfigError, FabricError } from '../errors.ts';
import type { ByteSource } from '../stores/byte-source.ts';
import { splitFields } from './csv-fields.ts';
import { csvScanner } from './csv-scanner.ts';
import { DecodedRun } from './decoded-run.ts';
import type { InputOptions, ReadElement, ReadElements, ReadOptions } from './format.ts';
import { alignedPieces, linePieces, lineScanner } from './lines.ts';
import { parsePages, type RecordParser } from './pages.ts';
import { failedElement, failure, readElement } from './read-element.ts';
import { splitRecords } from './record-splitter.ts';
import { failedLine, parseText, trimLineEnding } from './record-text.ts';
import type { RecordScanner } from './records.ts';

/** CSV and TSV (RFC 4180): each row that is not blank is an object by the header's names. */
export const readCsvRows: ReadElements = (source, range, input, options = {}) => {
  if (range.header === undefined) throw new TypeError("Cannot read CSV as 'range.header' must be given");
  const { maxElementBytes } = input;
  const pieces = linePieces(source, range, maxElementBytes, options);
  return parsePages(splitRecords(pieces, rowScanner(input), maxElementBytes), rowParser(range.header, input), options);
};

/** Where rows end: with every line, unless a quoted field may hold a line break. */
export function rowScanner(input: InputOptions): RecordScanner {
  return input.quotedNewlines === false ? lineScanner : csvScanner(delimiterOf(input).charCodeAt(0));
}

function delimiterOf({ format, delimiter }: InputOptions): string {
  if (format === 'tsv') return '\t';
  if (delimiter === undefined) return ',';
  if (/^[^"\r\n\u0080-\uffff]$/.test(delimiter)) return delimiter;
  throw new ConfigError(
    `Cannot read CSV as 'input.delimiter' must be one ASCII character, not a quote or a line break: current value is ${JSON.stringify(delimiter)}`,
  );
}

function rowParser(header: readonly string[], input: InputOptions): RecordParser {
  const delimiter = delimiterOf(input);
  const toRow = rowMaker(header);
  const element = parseText(input.maxElementBytes, (text, position): ReadElement => {
    const fields = splitFields(text, delimiter);
    if (fields === undefined) {
      return failedElement(position, failure('UnclosedQuote', 'A quoted field is not closed'), text);
    }
    if (fields.length === header.length) return readElement(position, toRow(fields));
    const message = `The row has ${fields.length} columns where the header has ${header.length}`;
    return failedElement(position, failure('ColumnCountMismatch', message), text);
  });
  return {
    parse(run, start, rowEnd) {
      const end = trimLineEnding(run.bytes, start, rowEnd);
      return start === end ? undefined : element(run, run.position + start, start, end);
    },
    fail: (run) => failedLine(run, input.maxElementBytes),
  };
}

/** Makes rows of one hidden class: copying a row and filling it in is faster than adding its fields, whatever their names. */
function rowMaker(header: readonly string[]): (fields: readonly string[]) => Record<string, string> {
  const emptyRow = Object.fromEntries(header.map((name) => [name, '']));
  return (fields) => {
    const row = { ...emptyRow };
    let index = 0;
    for (const name of header) row[name] = fields[index++] ?? '';
    return row;
  };
}

/**
 * The columns of a CSV object, from its first row that is not blank, and where that row ends; undefined where it has none.
 *
 * @param start where the text starts: behind a byte order mark.
 * @throws FabricError where the names do not make a header.
 */
export async function readHeader(
  source: ByteSource,
  start: number,
  input: InputOptions,
  options: ReadOptions = {},
): Promise<{ readonly header: readonly string[]; readonly end: number } | undefined> {
  const pieces = alignedPieces(source, { start, end: source.byteLength }, options);
  for await (const run of splitRecords(pieces, rowScanner(input), input.maxElementBytes)) {
    if (run.kind !== 'records') throw headerError('its first row does not end');
    const decoded = new DecodedRun(run);
    let rowStart = 0;
    for (const rowEnd of run.ends) {
      const end = trimLineEnding(run.bytes, rowStart, rowEnd);
      if (end > rowStart) {
        return { header: headerOf(decoded.text(rowStart, end), input), end: run.position + rowEnd };
      }
      rowStart = rowEnd;
    }
  }
  return undefined;
}

function headerOf(text: string | undefined, input: InputOptions): readonly string[] {
  if (text === undefined) throw headerError('it is not valid UTF-8');
  const header = splitFields(text, delimiterOf(input));
  if (header === undefined) throw headerError('a quoted name is not closed');
  const empty = header.indexOf('');
  if (empty !== -1) throw headerError(`every column must have a name: column ${empty + 1} has none`);
  const repeated = header.find((name, index) => header.indexOf(name) !== index);
  if (repeated !== undefined) throw headerError(`names must be unique: ${JSON.stringify(repeated)} comes twice`);
  return header;
}

function headerError(problem: string): FabricError {
  return new FabricError('INVALID_CSV_HEADER', `Cannot read the CSV header: ${problem}`);
}
