const QUOTE = '"';

/** The fields of one row's text, without its line ending; undefined where a quoted field is not closed. */
export function splitFields(row: string, delimiter: string): readonly string[] | undefined {
  return row.includes(QUOTE) ? splitQuotedFields(row, delimiter) : row.split(delimiter);
}

/** As csv-scanner.ts has it: a quote opens a field only at its start, and what follows a closing quote is taken as it is. */
function splitQuotedFields(row: string, delimiter: string): readonly string[] | undefined {
  const fields: string[] = [];
  for (let start = 0; ;) {
    let value = '';
    if (row.startsWith(QUOTE, start)) {
      const quoted = quotedField(row, start + 1);
      if (quoted === undefined) return undefined;
      ({ value, end: start } = quoted);
    }
    const end = row.indexOf(delimiter, start);
    if (end === -1) {
      fields.push(value + row.slice(start));
      return fields;
    }
    fields.push(value + row.slice(start, end));
    start = end + delimiter.length;
  }
}

/** The value of the quoted field whose text starts at `start`, and the place behind its closing quote. */
function quotedField(row: string, start: number): { value: string; end: number } | undefined {
  let value = '';
  for (let from = start; ;) {
    const quote = row.indexOf(QUOTE, from);
    if (quote === -1) return undefined;
    if (!row.startsWith(QUOTE, quote + 1)) return { value: value + row.slice(from, quote), end: quote + 1 };
    value += row.slice(from, quote + 1);
    from = quote + 2;
  }
}
