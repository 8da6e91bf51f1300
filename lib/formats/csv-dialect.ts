import { ConfigError } from '../errors.ts';
import { csvScanner } from './csv-scanner.ts';
import type { InputOptions } from './format.ts';
import { lineScanner } from './lines.ts';
import type { RecordScanner } from './records.ts';

/** Where rows end: with every line, unless a quoted field may hold a line break. */
export function rowScanner(input: InputOptions): RecordScanner {
  return input.quotedNewlines === false ? lineScanner : csvScanner(delimiterOf(input).charCodeAt(0));
}

export function delimiterOf({ format, delimiter }: InputOptions): string {
  if (format === 'tsv') return '\t';
  if (delimiter === undefined) return ',';
  if (/^[^"\r\n\u0080-\uffff]$/.test(delimiter)) return delimiter;
  throw new ConfigError(
    `Cannot read CSV as 'input.delimiter' must be one ASCII character, not a quote or a line break: current value is ${JSON.stringify(delimiter)}`,
  );
}
