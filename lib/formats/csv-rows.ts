import { type QuoteProblem, splitFields } from './csv-fields.ts';
import type { InputOptions, ReadElement } from './format.ts';
import { failedElement, failure, readElement } from './read-element.ts';

type Row = Record<string, string>;

/** Maximum columns for the quick parser: with more, a row that lacks most columns takes longer to prepare than to read. */
const MAX_QUICK_COLUMNS = 256;

/** Names for the fields of a row: an element's input is an object by these, or with `header: false` an array. */
export interface RowShape {
  readonly header: readonly string[];
  readonly isList: boolean;
}

export function rowShape(header: readonly string[], input: InputOptions): RowShape {
  return { header, isList: input.header === false };
}

/** Packs a row as a JSON list of its fields, in the order of the header. */
export function rowPacking({ header, isList }: RowShape): {
  pack(element: ReadElement): string;
  unpack(text: string, position: number): ReadElement;
} {
  if (isList) {
    return {
      pack: ({ input }) => JSON.stringify(input),
      unpack: (text, position) => readElement(position, JSON.parse(text)),
    };
  }
  const fill = rowFiller(header);
  return {
    pack({ input }) {
      // It was read with this header, so its fields are strings.
      const row = input as Row;
      return JSON.stringify(header.map((name) => row[name]));
    },
    unpack: (text, position) => readElement(position, fill(JSON.parse(text) as readonly string[])),
  };
}

function rowFiller(header: readonly string[]): (fields: readonly string[]) => Row {
  const emptyRow: Row = Object.fromEntries(header.map((name) => [name, '']));
  return (fields) => {
    const row = { ...emptyRow };
    let index = 0;
    for (const name of header) row[name] = fields[index++] ?? '';
    return row;
  };
}

/** Makes the element of one row's text, or the row's failure. */
export function parseRow(shape: RowShape, delimiter: string): (text: string, position: number) => ReadElement {
  const { header, isList } = shape;
  const fill = isList ? (fields: readonly string[]) => fields : rowFiller(header);
  const isQuick = !isList && header.length <= MAX_QUICK_COLUMNS;
  const unquotedRow = isQuick ? unquotedRows(header, delimiter) : () => undefined;

  function anyRow(text: string, position: number): ReadElement {
    const fields = splitFields(text, delimiter);
    if (typeof fields === 'string') return failedElement(position, quoteFailure(fields), text);
    if (fields.length !== header.length) {
      const expected = isList ? 'the first row has' : 'the header has';
      const message = `The row has ${fields.length} columns where ${expected} ${header.length}`;
      return failedElement(position, failure('ColumnCountMismatch', message), text);
    }
    return readElement(position, fill(fields));
  }

  return (text, position) => {
    const row = text.includes('"') ? undefined : unquotedRow(text);
    return row === undefined ? anyRow(text, position) : readElement(position, row);
  };
}

/** Parses rows without quotes, twice as fast as splitting. Returns undefined if the columns are too few or too many. */
function unquotedRows(header: readonly string[], delimiter: string): (text: string) => Row | undefined {
  // Copying a row and filling it in is faster than adding its fields, and right for a column named __proto__.
  const emptyRow: Row = Object.fromEntries(header.map((name) => [name, '']));
  const leading = header.slice(0, -1);
  const last = header.at(-1) ?? '';
  return (text) => {
    // Too short for the delimiters: copying a wide row for each of many short ones would take quadratic time.
    if (text.length < leading.length) return undefined;
    const row = { ...emptyRow };
    let start = 0;
    for (const name of leading) {
      const end = text.indexOf(delimiter, start);
      if (end === -1) return undefined;
      row[name] = text.slice(start, end);
      start = end + 1;
    }
    row[last] = text.slice(start);
    return text.includes(delimiter, start) ? undefined : row;
  };
}

function quoteFailure(problem: QuoteProblem): ReturnType<typeof failure> {
  if (problem === 'UnclosedQuote') return failure(problem, 'A quoted field is not closed');
  return failure(
    problem,
    'Text follows the closing quote of a field: a quote in a quoted field is written twice, and a field with a quote at its start is quoted as a whole',
  );
}
