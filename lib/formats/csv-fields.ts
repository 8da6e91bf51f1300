const QUOTE = '"';
const QUOTE_CODE = 0x22;

/**
 * The fields of one row's text, without its line ending; undefined where a quoted field is not closed. As csv-scanner.ts
 * has it, a quote opens a field only at its start; what follows a closing quote is taken as it is.
 */
export function splitFields(row: string, delimiter: string): readonly string[] | undefined {
  const fields: string[] = [];
  for (let start = 0; ;) {
    let quoted = '';
    if (row.charCodeAt(start) === QUOTE_CODE) {
      const close = closingQuote(row, start + 1);
      if (close === -1) return undefined;
      quoted = row.slice(start + 1, close);
      start = close + 1;
    }
    const end = row.indexOf(delimiter, start);
    const rest = end === -1 ? row.slice(start) : row.slice(start, end);
    fields.push(unescapeQuotes(quoted) + rest);
    if (end === -1) return fields;
    start = end + delimiter.length;
  }
}

/** The quote that closes a field whose text starts at `from`: the first that is not doubled; -1 where none is. */
function closingQuote(row: string, from: number): number {
  for (let quote = row.indexOf(QUOTE, from); quote !== -1; quote = row.indexOf(QUOTE, quote + 2)) {
    if (row.charCodeAt(quote + 1) !== QUOTE_CODE) return quote;
  }
  return -1;
}

/** A quote that is doubled stands for one. */
function unescapeQuotes(quoted: string): string {
  return quoted.includes(QUOTE) ? quoted.replaceAll('""', QUOTE) : quoted;
}
