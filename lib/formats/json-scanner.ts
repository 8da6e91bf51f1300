import { FabricError } from '../errors.ts';
import { isJsonSpace } from './record-text.ts';
import type { RecordScanner } from './records.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
export const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const SPACE = 0x20;

/**
 * Finds the ends of a JSON array's elements, from inside its opening bracket: each ends with the comma behind it or the
 * array's closing bracket, included. It looks at depth and strings only, so an element that is not JSON ends as well.
 *
 * `next` throws a FabricError where more follows the closing bracket.
 */
export function jsonArrayScanner(): RecordScanner {
  let depth = 0;
  let inString = false;
  let escaped = false;
  let isBlank = true;
  let done = false;

  function endRecord(end: number): number {
    isBlank = true;
    return end;
  }

  /** The index of the quote that closes the string, or the end of the bytes. */
  function skipString(bytes: Buffer, from: number): number {
    for (let index = from; index < bytes.length; index++) {
      const byte = bytes[index];
      if (escaped) escaped = false;
      else if (byte === BACKSLASH) escaped = true;
      else if (byte === QUOTE) {
        inString = false;
        return index;
      }
    }
    return bytes.length;
  }

  function scan(bytes: Buffer, from: number): number {
    for (let index = from; index < bytes.length; index++) {
      if (inString) {
        index = skipString(bytes, index);
        continue;
      }
      const byte = bytes[index] ?? SPACE;
      if (byte <= SPACE) continue;
      if (byte === COMMA && depth === 0) return endRecord(index + 1);
      if (byte === CLOSE_BRACKET && depth === 0) {
        done = true;
        if (isBlank) return afterArray(bytes, index + 1);
        return endRecord(index + 1);
      }
      isBlank = false;
      if (byte === QUOTE) inString = true;
      else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++;
      else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth = Math.max(0, depth - 1);
    }
    return -1;
  }

  return {
    next: (bytes, from) => (done ? afterArray(bytes, from) : scan(bytes, from)),
    atEnd: () => (isBlank ? 'nothing' : 'unclosed'),
    get done() {
      return done;
    },
  };
}

function afterArray(bytes: Buffer, from: number): -1 {
  for (let index = from; index < bytes.length; index++) {
    if (!isJsonSpace(bytes[index])) {
      throw new FabricError('INVALID_JSON_ARRAY', 'Cannot read the JSON array: more follows after its closing bracket');
    }
  }
  return -1;
}
