import type { ReadElements } from './format.ts';
import { parseJsonElement } from './json-text.ts';
import { linePieces, lineSplitter } from './lines.ts';
import { parsePages, type RecordParser } from './pages.ts';
import { splitRecords } from './record-splitter.ts';
import { failedLine, parseText, trimSpaceEnd, trimSpaceStart } from './record-text.ts';

/** JSON Lines: each line that is not blank is one JSON value. */
export const readJsonLines: ReadElements = (source, range, { maxElementBytes }, options = {}) => {
  const pieces = linePieces(source, range, maxElementBytes, options);
  return parsePages(splitRecords(pieces, lineSplitter, maxElementBytes), jsonLineParser(maxElementBytes), options);
};

function jsonLineParser(maxElementBytes: number): RecordParser {
  const element = parseText(maxElementBytes, parseJsonElement);
  return {
    parse(run, lineStart, lineEnd) {
      const start = trimSpaceStart(run.bytes, lineStart === 0 ? run.textStart : lineStart, lineEnd);
      const end = trimSpaceEnd(run.bytes, start, lineEnd);
      return start === end ? undefined : element(run, run.position + lineStart, start, end);
    },
    fail: (run) => failedLine(run, maxElementBytes),
  };
}
