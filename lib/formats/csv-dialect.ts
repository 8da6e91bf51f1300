import { ConfigError } from '../errors.ts';
import { DELIMITER, DELIMITER_RULE } from './csv-delimiter.ts';
import type { InputOptions } from './format.ts';
import { lineSplitter } from './lines.ts';
import type { ObjectDialect } from './plan.ts';
import type { OpenSplitter } from './records.ts';
import { rowSplitter } from './row-splitter.ts';

/** The first line from which Excel reads the delimiter. Other programs write it for Excel. */
const SEPARATOR_LINE = /^"?sep=([^\r\n"\u0080-\uffff])"?(?:\r?\n|$)/i;
export const SEPARATOR_LINE_BYTES = 16;

/** Finds the ends of rows: every line ends one, unless a quoted field may contain a line break. */
export function rowsOf(input: InputOptions, dialect: ObjectDialect | undefined): OpenSplitter {
  return input.quotedNewlines === false ? lineSplitter : rowSplitter(delimiterOf(input, dialect).charCodeAt(0));
}

export function delimiterOf({ format, delimiter }: InputOptions, { delimiter: own }: ObjectDialect = {}): string {
  if (own !== undefined) return own;
  if (format === 'tsv') return '\t';
  if (delimiter === undefined) return ',';
  if (DELIMITER.test(delimiter)) return delimiter;
  throw new ConfigError(
    `Cannot read CSV as 'input.delimiter' ${DELIMITER_RULE}: current value is ${JSON.stringify(delimiter)}`,
  );
}

/** Returns the delimiter that a `sep=` line names, and the bytes of that line; undefined if there is no such line. */
export function separatorLine(text: string): { readonly delimiter: string; readonly byteLength: number } | undefined {
  const [line, delimiter] = SEPARATOR_LINE.exec(text) ?? [];
  return line === undefined || delimiter === undefined ? undefined : { delimiter, byteLength: line.length };
}
