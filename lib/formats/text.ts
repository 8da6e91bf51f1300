import type { ReadElements } from './format.ts';
import { linePieces, lineSplitter } from './lines.ts';
import { parsePages, type RecordParser } from './pages.ts';
import { readElement } from './read-element.ts';
import { splitRecords } from './record-splitter.ts';
import { failedLine, parseText, trimLineEnding } from './record-text.ts';

/** Plain text: each line is an element, blank ones too; its input is the line as a string, without its line ending. */
export const readTextLines: ReadElements = (source, range, { maxElementBytes }, options = {}) => {
  const pieces = linePieces(source, range, maxElementBytes, options);
  return parsePages(
    splitRecords(pieces, lineSplitter, { ...options, maxElementBytes }),
    textLineParser(maxElementBytes),
    options,
  );
};

function textLineParser(maxElementBytes: number): RecordParser {
  const element = parseText(maxElementBytes, (text, position) => readElement(position, text));
  return {
    parse(run, lineStart, lineEnd) {
      const start = lineStart === 0 ? run.textStart : lineStart;
      return element(run, run.position + lineStart, start, trimLineEnding(run.bytes, start, lineEnd));
    },
    fail: (run) => failedLine(run, maxElementBytes),
  };
}
