import { ConfigError } from '../errors.ts';
import type { InputOptions, ObjectDialect } from './format.ts';
import { lineSplitter } from './lines.ts';
import type { OpenSplitter } from './records.ts';
import { rowSplitter } from './row-splitter.ts';

/** The first line that Excel reads the delimiter from, which other programs write for it. */
const SEPARATOR_LINE = /^"?sep=([^\r\n"\u0080-\uffff])"?(?:\r?\n|$)/i;
export const SEPARATOR_LINE_BYTES = 16;

/** Finds where rows end: with every line, unless a quoted field may hold a line break. */
export function rowsOf(input: InputOptions, dialect: ObjectDialect | undefined): OpenSplitter {
  return input.quotedNewlines === false ? lineSplitter : rowSplitter(delimiterOf(input, dialect).charCodeAt(0));
}

export function delimiterOf({ format, delimiter }: InputOptions, { delimiter: own }: ObjectDialect = {}): string {
  if (own !== undefined) return own;
  if (format === 'tsv') return '\t';
  if (delimiter === undefined) return ',';
  if (/^[^"\r\n\u0080-\uffff]$/.test(delimiter)) return delimiter;
  throw new ConfigError(
    `Cannot read CSV as 'input.delimiter' must be one ASCII character, not a quote or a line break: current value is ${JSON.stringify(delimiter)}`,
  );
}

/** The delimiter that a `sep=` line names, and the bytes of that line; undefined where the text does not start with one. */
export function separatorLine(text: string): { readonly delimiter: string; readonly byteLength: number } | undefined {
  const [line, delimiter] = SEPARATOR_LINE.exec(text) ?? [];
  return line === undefined || delimiter === undefined ? undefined : { delimiter, byteLength: line.length };
}
