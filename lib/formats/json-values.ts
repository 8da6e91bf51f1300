import { trimSpaceEnd, trimSpaceStart } from './record-text.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** The bytes `[start, end)` of a value. */
export interface ValueRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Finds objects and arrays that follow one another without line feeds, as Kinesis Firehose writes them. It checks only
 * depth and strings; the parser checks whether each is JSON.
 *
 * Yields the values that fill `[start, end)`, except for whitespace, and undefined if the rest is not such a value.
 */
export function* concatenatedValues(bytes: Buffer, start: number, end: number): Generator<ValueRange | undefined> {
  const last = trimSpaceEnd(bytes, start, end);
  let from = trimSpaceStart(bytes, start, last);
  while (from < last) {
    const valueEnd = endOfValue(bytes, from, last);
    if (valueEnd === undefined) {
      yield undefined;
      return;
    }
    yield { start: from, end: valueEnd };
    from = trimSpaceStart(bytes, valueEnd, last);
  }
}

/** Finds the end of the object or array that starts at `start`. */
function endOfValue(bytes: Buffer, start: number, end: number): number | undefined {
  let depth = 0;
  for (let index = start; index < end; index += 1) {
    const byte = bytes[index];
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth += 1;
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth -= 1;
    else if (byte === QUOTE && depth > 0) index = endOfString(bytes, index + 1, end);
    if (depth <= 0) return byte === CLOSE_BRACE || byte === CLOSE_BRACKET ? index + 1 : undefined;
  }
  return undefined;
}

/** Finds the index of the quote that closes the string. */
function endOfString(bytes: Buffer, from: number, end: number): number {
  let index = from;
  while (index < end && bytes[index] !== QUOTE) index += bytes[index] === BACKSLASH ? 2 : 1;
  return index;
}
