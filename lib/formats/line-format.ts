import type { ByteSource } from '../stores/byte-source.ts';
import { readHeader } from './csv-header.ts';
import { rowScanner } from './csv-dialect.ts';
import { rowPacking } from './csv-rows.ts';
import { readCsvRows } from './csv.ts';
import { textStartOf } from './decoded-run.ts';
import type { FormatName, InputOptions, LineFormatName, ReadElement, ReadElements, ReadOptions } from './format.ts';
import { readHead } from './head.ts';
import { findArrayStart, readJsonArray } from './json-array.ts';
import { jsonArrayScanner } from './json-scanner.ts';
import { parseJsonElement } from './json-text.ts';
import { readJsonLines } from './jsonl.ts';
import { lineScanner } from './lines.ts';
import { readElement } from './read-element.ts';
import type { RecordScanner } from './records.ts';
import { readTextLines } from './text.ts';

/** What planning and reading need to know of a format whose objects hold many elements. */
export interface LineFormat {
  readonly read: ReadElements;
  /** Finds where its elements end, for a first pass. */
  scanner(input: InputOptions): RecordScanner;
  /** Whether every line feed ends an element, so that an object can be cut unread. */
  splitsAtLines(input: InputOptions): boolean;
  /** Whether an element's position is its index. */
  readonly isIndexed: boolean;
  /** Where the first element may start, and what stands before it; undefined where the object has no elements. */
  begin(source: ByteSource, input: InputOptions, options: ReadOptions): Promise<ObjectStart | undefined>;
  /** @param header - the columns, for CSV and TSV. */
  packing(header: readonly string[]): ElementPacking;
}

/** Says an element that could be read in a text of its own, from which it can be read again. */
export interface ElementPacking {
  pack(element: ReadElement): string;
  unpack(text: string, position: number): ReadElement;
}

export interface ObjectStart {
  readonly start: number;
  readonly header?: readonly string[];
}

const BYTE_ORDER_MARK_BYTES = 3;

/** An element of JSON has its own text. */
const jsonPacking: ElementPacking = { pack: ({ raw }) => raw ?? '', unpack: parseJsonElement };

const textPacking: ElementPacking = {
  pack: ({ input }) => String(input),
  unpack: (text, position) => readElement(position, text),
};

const jsonLines: LineFormat = {
  read: readJsonLines,
  scanner: () => lineScanner,
  splitsAtLines: () => true,
  isIndexed: false,
  begin: () => Promise.resolve({ start: 0 }),
  packing: () => jsonPacking,
};

const csv: LineFormat = {
  read: readCsvRows,
  scanner: rowScanner,
  splitsAtLines: ({ quotedNewlines }) => quotedNewlines === false,
  isIndexed: false,
  async begin(source, input, options) {
    const textStart = textStartOf(await readHead(source, BYTE_ORDER_MARK_BYTES, options));
    const row = await readHeader(source, textStart, input, options);
    return row && { start: row.end, header: row.header };
  },
  packing: rowPacking,
};

const formats: Readonly<Record<LineFormatName, LineFormat>> = {
  jsonl: jsonLines,
  text: { ...jsonLines, read: readTextLines, packing: () => textPacking },
  csv,
  tsv: csv,
  json: {
    read: readJsonArray,
    scanner: jsonArrayScanner,
    splitsAtLines: () => false,
    isIndexed: true,
    async begin(source, _input, options) {
      const start = await findArrayStart(source, options);
      return start === undefined ? undefined : { start };
    },
    packing: () => jsonPacking,
  },
};

export function isLineFormat(format: FormatName): format is LineFormatName {
  return Object.hasOwn(formats, format);
}

export function lineFormat(format: FormatName): LineFormat {
  if (isLineFormat(format)) return formats[format];
  throw new TypeError(
    `Cannot read elements of an object as 'format' must be a line format: current value is ${format}`,
  );
}
