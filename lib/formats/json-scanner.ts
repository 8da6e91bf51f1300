import { FabricError } from '../errors.ts';
import { trimSpaceStart } from './record-text.ts';
import type { RecordScanner } from './records.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
export const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** Meaning of a byte outside strings; most have no meaning. */
const OPENS = 1;
const CLOSES = 2;
const SEPARATES = 3;
const STARTS_STRING = 4;
/** Meanings inside an element, where a comma has no meaning, so that the loop passes lists of numbers without a stop. */
const MEANINGS_INSIDE = new Uint8Array(256);
for (const byte of Buffer.from('[{')) MEANINGS_INSIDE[byte] = OPENS;
for (const byte of Buffer.from(']}')) MEANINGS_INSIDE[byte] = CLOSES;
MEANINGS_INSIDE[QUOTE] = STARTS_STRING;
const MEANINGS = MEANINGS_INSIDE.with(COMMA, SEPARATES);

/** Finds where the elements of an array end, over all the bytes that it is given in turn. */
class ElementScanner {
  #depth = 0;
  #isInString = false;
  /** True if the last byte was a backslash in a string. */
  #isEscape = false;

  /** Returns the index after the comma or bracket that ends the element; -1 if it is not in these bytes. */
  scan(bytes: Buffer, from: number): number {
    // The hot loops keep their state in local variables, which is much faster.
    const { length } = bytes;
    let index = this.#isInString ? this.#skipString(bytes, from) : from;
    let level = this.#depth;
    while (index < length) {
      const meanings = level > 0 ? MEANINGS_INSIDE : MEANINGS;
      while (index < length && meanings[bytes[index] ?? 0] === 0) index++;
      if (index === length) break;
      const byte = bytes[index++] ?? 0;
      const meaning = meanings[byte];
      if (meaning === OPENS) level++;
      else if (meaning === STARTS_STRING) index = this.#skipString(bytes, index);
      else if (level > 0) level--;
      else if (meaning === SEPARATES || byte === CLOSE_BRACKET) {
        this.#depth = 0;
        return index;
      }
    }
    this.#depth = level;
    return -1;
  }

  /** Returns the index after the quote that closes the string, or the end of the bytes. */
  #skipString(bytes: Buffer, from: number): number {
    let index = this.#isEscape ? from + 1 : from;
    this.#isInString = true;
    this.#isEscape = false;
    for (; index < bytes.length; index++) {
      const byte = bytes[index];
      if (byte === BACKSLASH) {
        index++;
        this.#isEscape = index === bytes.length;
      } else if (byte === QUOTE) {
        this.#isInString = false;
        return index + 1;
      }
    }
    return bytes.length;
  }
}

/**
 * Finds the ends of a JSON array's elements, from after its opening bracket: each includes the comma after it, or the
 * array's closing bracket. It checks depth and strings only, so an element that is not JSON ends as well.
 *
 * `next` throws a FabricError if more follows the closing bracket.
 */
export function jsonArrayScanner(): RecordScanner {
  const elements = new ElementScanner();
  /** True if the element had only whitespace in the bytes before these. */
  let wasBlank = true;
  let done = false;

  function next(bytes: Buffer, from: number): number {
    if (done) return afterArray(bytes, from);
    const end = elements.scan(bytes, from);
    if (end === -1) {
      wasBlank &&= isBlank(bytes, from, bytes.length);
      return -1;
    }
    done = bytes[end - 1] === CLOSE_BRACKET;
    if (done && wasBlank && isBlank(bytes, from, end - 1)) return afterArray(bytes, end);
    wasBlank = true;
    return end;
  }

  return {
    next,
    ignoresSpace: true,
    atEnd: (rest) => (isBlank(rest, 0, rest.length) ? 'nothing' : 'unclosed'),
    get done() {
      return done;
    },
  };
}

function isBlank(bytes: Buffer, start: number, end: number): boolean {
  return trimSpaceStart(bytes, start, end) === end;
}

function afterArray(bytes: Buffer, from: number): -1 {
  if (isBlank(bytes, from, bytes.length)) return -1;
  throw new FabricError('INVALID_JSON_ARRAY', 'Cannot read the JSON array: more follows after its closing bracket');
}
