import { parse } from 'csv-parse/sync';

/**
 * The fields of one row's text, without its line ending, as csv-parse has them; undefined where a quoted field is not
 * closed. A quote opens a field only at its start, elsewhere it is one of its characters.
 */
export function splitFields(row: string, delimiter: string): readonly string[] | undefined {
  try {
    // The row may have line breaks in its quoted fields and nowhere else: it ends where its text does.
    const [fields] = parse(row, { delimiter, record_delimiter: '\n', relax_quotes: true, relax_column_count: true });
    return fields ?? [''];
  } catch {
    return undefined;
  }
}
