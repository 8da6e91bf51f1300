const QUOTE = 0x22;

/** The failure of a row with misplaced quotes: a field that is not closed, or text after a closing quote. */
export type QuoteProblem = 'UnclosedQuote' | 'StrayQuote';

/**
 * Returns the fields of one row's text, without its line ending (RFC 4180). A quote opens a field only at its start;
 * elsewhere in an unquoted field it is an ordinary character. Only a delimiter or the row's end follows a closing
 * quote.
 */
export function splitFields(row: string, delimiter: string): readonly string[] | QuoteProblem {
  const fields: string[] = [];
  let start = 0;
  for (;;) {
    const isQuoted = row.charCodeAt(start) === QUOTE;
    const end = isQuoted ? closingQuote(row, start + 1) : row.indexOf(delimiter, start);
    if (!isQuoted) {
      fields.push(end === -1 ? row.slice(start) : row.slice(start, end));
      if (end === -1) return fields;
      start = end + 1;
      continue;
    }
    if (end === -1) return 'UnclosedQuote';
    const text = row.slice(start + 1, end);
    fields.push(text.includes('"') ? text.replaceAll('""', '"') : text);
    if (end + 1 === row.length) return fields;
    if (row[end + 1] !== delimiter) return 'StrayQuote';
    start = end + 2;
  }
}

/** Finds the next quote that is not one of a pair; -1 if there is no such quote. */
function closingQuote(row: string, from: number): number {
  let quote = row.indexOf('"', from);
  while (quote !== -1 && row.charCodeAt(quote + 1) === QUOTE) quote = row.indexOf('"', quote + 2);
  return quote;
}
