import { formatOfRecords } from './format-of-records.ts';
import type { ElementPacking, ReadElement, ReadRequest } from './format.ts';
import { linePieces, lineSplitter } from './lines.ts';
import { parsePages, type RecordParser } from './pages.ts';
import { readElement } from './read-element.ts';
import { splitRecords } from './record-splitter.ts';
import { failedLine, parseText, trimLineEnding } from './record-text.ts';

const packing: ElementPacking = {
  pack: ({ input }) => String(input),
  unpack: (text, position) => readElement(position, text),
};

/** Plain text: each line is an element, blank ones too; its input is the line as a string, without its line ending. */
export const textLines = formatOfRecords({
  positions: 'offset',
  splitter: () => lineSplitter,
  splitsAtLines: () => true,
  begin: () => Promise.resolve({ start: 0 }),
  read: readTextLines,
  packing: () => packing,
});

export function readTextLines(request: ReadRequest): AsyncGenerator<readonly ReadElement[]> {
  const { maxElementBytes } = request.input;
  const runs = splitRecords(linePieces(request), lineSplitter, { ...request, maxElementBytes });
  return parsePages(runs, textLineParser(maxElementBytes), request);
}

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
