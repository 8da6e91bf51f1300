import type { ReadElement } from './format.ts';
import { splitFields } from './csv-fields.ts';
import { failedElement, failure, readElement } from './read-element.ts';

type Row = Record<string, string>;

/** Says a row as a JSON list of its fields, in the order of the header. */
export function rowPacking(header: readonly string[]): {
  pack(element: ReadElement): string;
  unpack(text: string, position: number): ReadElement;
} {
  const fill = rowFiller(header);
  return {
    pack({ input }) {
      // As it was read with this header.
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

/** Makes the element of one row's text: an object by the header's names, or the row's failure. */
export function parseRow(
  header: readonly string[],
  delimiter: string,
): (text: string, position: number) => ReadElement {
  // Copying a row and filling it in is faster than adding its fields, and right for a column named __proto__.
  const emptyRow: Row = Object.fromEntries(header.map((name) => [name, '']));
  const fill = rowFiller(header);
  const leading = header.slice(0, -1);
  const last = header.at(-1) ?? '';

  /** Twice as fast as splitting, for rows that have no quotes, as most. Undefined where the columns are too few or too many. */
  function unquotedRow(text: string): Row | undefined {
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
  }

  function anyRow(text: string, position: number): ReadElement {
    const fields = splitFields(text, delimiter);
    if (fields === undefined) {
      return failedElement(position, failure('UnclosedQuote', 'A quoted field is not closed'), text);
    }
    if (fields.length !== header.length) {
      const message = `The row has ${fields.length} columns where the header has ${header.length}`;
      return failedElement(position, failure('ColumnCountMismatch', message), text);
    }
    return readElement(position, fill(fields));
  }

  return (text, position) => {
    const row = text.includes('"') ? undefined : unquotedRow(text);
    return row === undefined ? anyRow(text, position) : readElement(position, row);
  };
}
