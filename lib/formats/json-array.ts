import { FabricError } from '../errors.ts';
import type { ByteSource } from '../stores/byte-source.ts';
import { textStartOf } from './decoded-run.ts';
import { formatOfRecords } from './format-of-records.ts';
import type { ReadElement, ReadOptions, ReadRequest } from './format.ts';
import { readHead } from './head.ts';
import { jsonArrayScanner, OPEN_BRACKET } from './json-scanner.ts';
import { jsonPacking, parseJsonElement } from './json-text.ts';
import { alignedPieces } from './lines.ts';
import { parsePages, type RecordParser } from './pages.ts';
import { failedElement, failure, tooLargeElement } from './read-element.ts';
import { scannedBy, splitRecords } from './record-splitter.ts';
import { parseText, trimSpaceEnd, trimSpaceStart } from './record-text.ts';

/** Bytes in which an array must start, after whitespace. */
const HEAD_BYTES = 64 * 1024;

/** A JSON array: each item is an element, and its position is its index. Each is parsed alone, so a bad one fails alone. */
export const jsonArray = formatOfRecords({
  positions: 'index',
  splitter: () => scannedBy(jsonArrayScanner()),
  splitsAtLines: () => false,
  async begin({ source, ...options }) {
    const start = await findArrayStart(source, options);
    return start === undefined ? undefined : { start };
  },
  read: readJsonArray,
  packing: () => jsonPacking,
});

export function readJsonArray(request: ReadRequest): AsyncGenerator<readonly ReadElement[]> {
  const { source, range, input } = request;
  const { maxElementBytes } = input;
  const pieces = alignedPieces(source, range, request);
  const runs = splitRecords(pieces, scannedBy(jsonArrayScanner()), { ...request, maxElementBytes });
  return parsePages(runs, arrayParser(range.firstIndex ?? 0, maxElementBytes), request);
}

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
 * Returns where the first element of a JSON array can start: after its opening bracket. Undefined if the object is blank.
 *
 * @throws FabricError if the text is not an array.
 */
export async function findArrayStart(source: ByteSource, options: ReadOptions = {}): Promise<number | undefined> {
  const head = await readHead(source, HEAD_BYTES, options);
  const start = trimSpaceStart(head, textStartOf(head), head.length);
  if (start === head.length && head.length < HEAD_BYTES) return undefined;
  if (head[start] === OPEN_BRACKET) return start + 1;
  throw new FabricError('INVALID_JSON_ARRAY', "Cannot read the JSON array: the object does not start with '['");
}
