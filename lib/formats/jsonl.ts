import type { DecodedRun } from './decoded-run.ts';
import type { ReadElement, ReadElements } from './format.ts';
import { parseJsonElement } from './json-text.ts';
import { concatenatedValues } from './json-values.ts';
import { linePieces, lineSplitter } from './lines.ts';
import { parsePages, type RecordParser } from './pages.ts';
import { splitRecords } from './record-splitter.ts';
import { failedLine, parseText, trimSpaceEnd, trimSpaceStart } from './record-text.ts';

/** JSON Lines: each line that is not blank is one JSON value, or several objects and arrays in a row. */
export const readJsonLines: ReadElements = (source, range, { maxElementBytes }, options = {}) => {
  const pieces = linePieces(source, range, maxElementBytes, options);
  return parsePages(splitRecords(pieces, lineSplitter, maxElementBytes), jsonLineParser(maxElementBytes), options);
};

function jsonLineParser(maxElementBytes: number): RecordParser {
  const element = parseText(maxElementBytes, parseJsonElement);

  /** Returns the values of a line that can't be parsed as one; undefined unless all of them can be parsed. */
  function several(run: DecodedRun, lineStart: number, start: number, end: number): readonly ReadElement[] | undefined {
    const elements: ReadElement[] = [];
    for (const value of concatenatedValues(run.bytes, start, end) ?? []) {
      const position = elements.length === 0 ? lineStart : value.start;
      const read = element(run, run.position + position, value.start, value.end);
      if (read.failure !== undefined) return undefined;
      elements.push(read);
    }
    return elements.length === 0 ? undefined : elements;
  }

  return {
    parse(run, lineStart, lineEnd) {
      const start = trimSpaceStart(run.bytes, lineStart === 0 ? run.textStart : lineStart, lineEnd);
      const end = trimSpaceEnd(run.bytes, start, lineEnd);
      if (start === end) return undefined;
      const read = element(run, run.position + lineStart, start, end);
      if (read.failure?.name !== 'JsonSyntaxError') return read;
      return several(run, lineStart, start, end) ?? read;
    },
    fail(run) {
      const { reason, bytes } = run;
      const isBlank = reason === 'refused' && trimSpaceStart(bytes, 0, bytes.length) === bytes.length;
      return isBlank ? undefined : failedLine(run, maxElementBytes);
    },
  };
}
