import { FabricError } from '../errors.ts';
import type { ByteSource } from '../stores/byte-source.ts';
import { textStartOf } from './decoded-run.ts';
import type { ReadElements, ReadOptions } from './format.ts';
import { readHead } from './head.ts';
import { jsonArrayScanner, OPEN_BRACKET } from './json-scanner.ts';
import { parseJsonElement } from './json-text.ts';
import { alignedPieces } from './lines.ts';
import { parsePages, type RecordParser } from './pages.ts';
import { failedElement, failure, tooLargeElement } from './read-element.ts';
import { scannedBy, splitRecords } from './record-splitter.ts';
import { parseText, trimSpaceEnd, trimSpaceStart } from './record-text.ts';

/** An array may stand behind this much whitespace. */
const HEAD_BYTES = 64 * 1024;

/** A JSON array: each of its elements is one, by its index; each is parsed by itself, so that a bad one fails alone. */
export const readJsonArray: ReadElements = (source, range, { maxElementBytes }, options = {}) => {
  const runs = splitRecords(alignedPieces(source, range, options), scannedBy(jsonArrayScanner()), {
    ...options,
    maxElementBytes,
  });
  return parsePages(runs, arrayParser(range.firstIndex ?? 0, maxElementBytes), options);
};

function arrayParser(firstIndex: number, maxElementBytes: number): RecordParser {
  let nextIndex = firstIndex;
  const element = parseText(maxElementBytes, parseJsonElement);
  return {
    parse(run, start, recordEnd) {
      const end = trimSpaceEnd(run.bytes, start, recordEnd - 1);
      const index = nextIndex++;
      if (start === end) return failedElement(index, failure('JsonSyntaxError', 'There is no value'), '');
      return element(run, index, trimSpaceStart(run.bytes, start, end), end);
    },
    fail(run) {
      const { reason, bytes } = run;
      const index = nextIndex++;
      if (reason === 'tooLarge') return tooLargeElement(index, bytes, maxElementBytes);
      if (reason === 'refused')
        return failedElement(index, run.failure, bytes.toString('utf8', 0, bytes.length - 1).trim());
      const message = 'The array is not closed behind this element';
      return failedElement(index, failure('JsonSyntaxError', message), bytes.toString('utf8').trim());
    },
  };
}

/**
 * Where the first element of a JSON array may start: behind its opening bracket. Undefined where there is nothing at all.
 *
 * @throws FabricError where the text is not an array.
 */
export async function findArrayStart(source: ByteSource, options: ReadOptions = {}): Promise<number | undefined> {
  const head = await readHead(source, HEAD_BYTES, options);
  const start = trimSpaceStart(head, textStartOf(head), head.length);
  if (start === head.length && head.length < HEAD_BYTES) return undefined;
  if (head[start] === OPEN_BRACKET) return start + 1;
  throw new FabricError('INVALID_JSON_ARRAY', "Cannot read the JSON array: the object does not start with '['");
}
