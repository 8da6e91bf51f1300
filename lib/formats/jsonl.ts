import type { DecodedRun } from './decoded-run.ts';
import { formatOfRecords } from './format-of-records.ts';
import type { ReadElement, ReadRequest } from './format.ts';
import { jsonPacking, parseJsonElement } from './json-text.ts';
import { concatenatedValues } from './json-values.ts';
import { linePieces, lineSplitter } from './lines.ts';
import { JsonNumberScanner } from './numbers/json-number-scanner.ts';
import { NumberBlocks } from './numbers/number-rows.ts';
import type { ElementReader } from './numbers/packed-text.ts';
import { fieldNames, packingParser } from './numbers/packing-parser.ts';
import { parsePages, type RecordParser } from './pages.ts';
import { splitRecords } from './record-splitter.ts';
import { failedLine, parseText, trimSpaceEnd, trimSpaceStart } from './record-text.ts';

/** JSON Lines: each line that is not blank is one JSON value, or several objects and arrays in a row. */
export const jsonLines = formatOfRecords({
  positions: 'offset',
  splitter: () => lineSplitter,
  splitsAtLines: () => true,
  begin: () => Promise.resolve({ start: 0 }),
  read: readJsonLines,
  packing: () => jsonPacking,
});

export function readJsonLines(request: ReadRequest): AsyncGenerator<readonly ReadElement[]> {
  const { maxElementBytes } = request.input;
  const runs = splitRecords(linePieces(request), lineSplitter, { ...request, maxElementBytes });
  const parser = jsonLineParser(maxElementBytes);
  return parsePages(runs, packingLines(parser, request) ?? parser, request);
}

const JSON_READER: ElementReader = {
  hasJsonText: true,
  readAgain: (run, start, end) => parseJsonElement(run.text(start, end) ?? '', run.position + start),
};

/** Packs the numbers of lines if the request asks for numbers; undefined if it doesn't, or no line can be packed. */
function packingLines(parser: RecordParser, { numbers, watch, input }: ReadRequest): RecordParser | undefined {
  if (numbers === undefined || watch !== undefined) return undefined;
  const { maxElementBytes } = input;
  const blocks = new NumberBlocks(numbers.inputs);
  const scanner = JsonNumberScanner.of(numbers, fieldNames(input), blocks);
  if (scanner === undefined) return undefined;
  return packingParser(parser, { scanner, blocks, reader: JSON_READER, maxElementBytes, textStart, textEnd });
}

/** Returns the start of a line's text, without whitespace before it and without a byte order mark. */
function textStart({ bytes, textStart: first }: DecodedRun, lineStart: number, lineEnd: number): number {
  return trimSpaceStart(bytes, lineStart === 0 ? first : lineStart, lineEnd);
}

function textEnd({ bytes }: DecodedRun, start: number, lineEnd: number): number {
  return trimSpaceEnd(bytes, start, lineEnd);
}

/** Maximum values of one line that are kept in memory. */
const MAX_KEPT_VALUES = 4096;

/** A line of a run, and its text `[start, end)` without whitespace around it. */
interface Line {
  readonly run: DecodedRun;
  readonly lineStart: number;
  readonly start: number;
  readonly end: number;
}

function jsonLineParser(maxElementBytes: number): RecordParser {
  const element = parseText(maxElementBytes, parseJsonElement);

  /** Yields the values of a line, and undefined if the rest of it is not a value. */
  function* valuesOf(line: Line): Generator<ReadElement | undefined> {
    const { run, start, end } = line;
    let isFirst = true;
    for (const value of concatenatedValues(run.bytes, start, end)) {
      const position = isFirst ? line.lineStart : value?.start;
      isFirst = false;
      yield value && element(run, run.position + (position ?? 0), value.start, value.end);
    }
  }

  /**
   * Returns the values of a line that can't be parsed as one; undefined unless there are two or more, and all of them
   * can be parsed. If there are very many, they are not all kept, but parsed again when they are read.
   */
  function several(line: Line): Iterable<ReadElement> | undefined {
    const elements: ReadElement[] = [];
    let count = 0;
    for (const read of valuesOf(line)) {
      if (read === undefined || read.failure !== undefined) return undefined;
      count += 1;
      if (count <= MAX_KEPT_VALUES) elements.push(read);
    }
    if (count < 2) return undefined;
    // None is undefined, as the first pass showed.
    return count <= MAX_KEPT_VALUES ? elements : (valuesOf(line) as Iterable<ReadElement>);
  }

  return {
    parse(run, lineStart, lineEnd) {
      const start = textStart(run, lineStart, lineEnd);
      const end = textEnd(run, start, lineEnd);
      if (start === end) return undefined;
      const read = element(run, run.position + lineStart, start, end);
      if (read.failure?.name !== 'JsonSyntaxError') return read;
      return several({ run, lineStart, start, end }) ?? read;
    },
    fail(run) {
      const { reason, bytes } = run;
      const isBlank = reason === 'refused' && trimSpaceStart(bytes, 0, bytes.length) === bytes.length;
      return isBlank ? undefined : failedLine(run, maxElementBytes);
    },
  };
}
