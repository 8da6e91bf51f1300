import type { ByteSource } from '../stores/byte-source.ts';
import { lineFeedSource } from '../stores/line-feed-source.ts';
import { rowsOf } from './csv-dialect.ts';
import { readCsvStart } from './csv-header.ts';
import { rowPacking, rowShape } from './csv-rows.ts';
import { readCsvRows } from './csv.ts';
import type {
  FormatName,
  InputOptions,
  LineFormatName,
  ObjectDialect,
  ReadElement,
  ReadElements,
  ReadOptions,
} from './format.ts';
import { findArrayStart, readJsonArray } from './json-array.ts';
import { jsonArrayScanner } from './json-scanner.ts';
import { parseJsonElement } from './json-text.ts';
import { readJsonLines } from './jsonl.ts';
import { lineSplitter } from './lines.ts';
import { readElement } from './read-element.ts';
import { scannedBy } from './record-splitter.ts';
import type { OpenSplitter } from './records.ts';
import { readTextLines } from './text.ts';

/** What planning and reading need to know of a format whose objects hold many elements. */
export interface LineFormat {
  readonly read: ReadElements;
  /** Finds where its elements end, for a first pass. */
  splitter(input: InputOptions, dialect: ObjectDialect | undefined): OpenSplitter;
  /** Whether every line feed ends an element, so that an object can be cut unread. */
  splitsAtLines(input: InputOptions): boolean;
  /** Whether an element's position is its index. */
  readonly isIndexed: boolean;
  /** Where the first element may start, and what stands before it; undefined where the object has no elements. */
  begin(source: ByteSource, input: InputOptions, options: ReadOptions): Promise<ObjectStart | undefined>;
  /** @param header - the columns, for CSV and TSV. */
  packing(header: readonly string[], input: InputOptions): ElementPacking;
}

/** Says an element that could be read in a text of its own, from which it can be read again. */
export interface ElementPacking {
  pack(element: ReadElement): string;
  unpack(text: string, position: number): ReadElement;
}

export interface ObjectStart {
  readonly start: number;
  readonly header?: readonly string[];
  readonly dialect?: ObjectDialect;
}

/** An element of JSON has its own text. */
const jsonPacking: ElementPacking = { pack: ({ raw }) => raw ?? '', unpack: parseJsonElement };

const textPacking: ElementPacking = {
  pack: ({ input }) => String(input),
  unpack: (text, position) => readElement(position, text),
};

const jsonLines: LineFormat = {
  read: inItsDialect(readJsonLines),
  splitter: () => lineSplitter,
  splitsAtLines: () => true,
  isIndexed: false,
  begin: () => Promise.resolve({ start: 0 }),
  packing: () => jsonPacking,
};

const csv: LineFormat = {
  read: inItsDialect(readCsvRows),
  splitter: rowsOf,
  splitsAtLines: ({ quotedNewlines }) => quotedNewlines === false,
  isIndexed: false,
  begin: readCsvStart,
  packing: (header, input) => rowPacking(rowShape(header, input)),
};

const formats: Readonly<Record<LineFormatName, LineFormat>> = {
  jsonl: jsonLines,
  text: { ...jsonLines, read: inItsDialect(readTextLines), packing: () => textPacking },
  csv,
  tsv: csv,
  json: {
    read: readJsonArray,
    splitter: () => scannedBy(jsonArrayScanner()),
    splitsAtLines: () => false,
    isIndexed: true,
    async begin(source, _input, options) {
      const start = await findArrayStart(source, options);
      return start === undefined ? undefined : { start };
    },
    packing: () => jsonPacking,
  },
};

/** Returns the bytes of an object for readers that look for line feeds. */
export function inDialect(source: ByteSource, dialect: ObjectDialect | undefined): ByteSource {
  return dialect?.carriageReturns === true ? lineFeedSource(source) : source;
}

function inItsDialect(read: ReadElements): ReadElements {
  return (source, range, input, options) => read(inDialect(source, range.dialect), range, input, options);
}

export function isLineFormat(format: FormatName): format is LineFormatName {
  return Object.hasOwn(formats, format);
}

export function lineFormat(format: FormatName): LineFormat {
  if (isLineFormat(format)) return formats[format];
  throw new TypeError(
    `Cannot read elements of an object as 'format' must be a line format: current value is ${format}`,
  );
}
