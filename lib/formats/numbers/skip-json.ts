import { skipSpace } from './json-space.ts';

/** Values nested deeper than this are left to the general parser, which has a limit of its own. */
const MAX_DEPTH = 64;

const QUOTE = 0x22;
const PLUS = 0x2b;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const SMALL_E = 0x65;
const SMALL_U = 0x75;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const SPACE = 0x20;

const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
const NULL = Buffer.from('null');

/** Bytes that may follow a backslash, other than `u`. */
const ESCAPES: ReadonlySet<number> = new Set(Buffer.from('"\\/bfnrt'));

/**
 * Returns the end of the JSON value that starts at an index; -1 if it is not valid JSON, or nested too deeply. The bytes
 * must be valid UTF-8.
 */
export function skipValue(bytes: Buffer, index: number, depth = 0): number {
  switch (bytes[index]) {
    case QUOTE:
      return skipString(bytes, index + 1);
    case OPEN_BRACE:
      return depth === MAX_DEPTH ? -1 : skipObject(bytes, index + 1, depth + 1);
    case OPEN_BRACKET:
      return depth === MAX_DEPTH ? -1 : skipArray(bytes, index + 1, depth + 1);
    case TRUE[0]:
      return skipWord(bytes, index, TRUE);
    case FALSE[0]:
      return skipWord(bytes, index, FALSE);
    case NULL[0]:
      return skipNull(bytes, index);
    default:
      return skipNumber(bytes, index);
  }
}

/** Returns the end of a number; -1 if it is not one in JSON. */
function skipNumber(bytes: Buffer, from: number): number {
  const first = bytes[from] === MINUS ? from + 1 : from;
  let index = skipDigits(bytes, first);
  if (index === first || (bytes[first] === ZERO && index > first + 1)) return -1;
  if (bytes[index] === POINT) {
    const point = index + 1;
    index = skipDigits(bytes, point);
    if (index === point) return -1;
  }
  if (((bytes[index] as number) | 0x20) !== SMALL_E) return index;
  const sign = bytes[index + 1];
  const exponent = sign === PLUS || sign === MINUS ? index + 2 : index + 1;
  index = skipDigits(bytes, exponent);
  return index === exponent ? -1 : index;
}

function skipDigits(bytes: Buffer, from: number): number {
  let index = from;
  while ((bytes[index] as number) >= ZERO && (bytes[index] as number) <= NINE) index += 1;
  return index;
}

/** Returns the end of `null`; -1 if something else is there. */
export function skipNull(bytes: Buffer, index: number): number {
  return skipWord(bytes, index, NULL);
}

/** Returns the end of the string whose text starts at an index, after its closing quote; -1 if it is not valid. */
export function skipString(bytes: Buffer, from: number): number {
  let index = from;
  for (;;) {
    const byte = bytes[index] as number;
    if (byte === QUOTE) return index + 1;
    // Also false at the end of the bytes.
    if (!(byte >= SPACE)) return -1;
    if (byte === BACKSLASH) {
      index = escapeEnd(bytes, index + 1);
      if (index === -1) return -1;
    } else index += 1;
  }
}

function escapeEnd(bytes: Buffer, index: number): number {
  const byte = bytes[index];
  if (byte !== SMALL_U) return byte !== undefined && ESCAPES.has(byte) ? index + 1 : -1;
  for (let digit = index + 1; digit <= index + 4; digit += 1) if (!isHexDigit(bytes[digit])) return -1;
  return index + 5;
}

function isHexDigit(byte = 0): boolean {
  const letter = byte | 0x20;
  return (byte >= 0x30 && byte <= 0x39) || (letter >= 0x61 && letter <= 0x66);
}

function skipWord(bytes: Buffer, index: number, word: Buffer): number {
  for (let letter = 0; letter < word.length; letter += 1) if (bytes[index + letter] !== word[letter]) return -1;
  return index + word.length;
}

function skipArray(bytes: Buffer, from: number, depth: number): number {
  let index = skipSpace(bytes, from);
  if (bytes[index] === CLOSE_BRACKET) return index + 1;
  for (;;) {
    index = skipValue(bytes, index, depth);
    if (index === -1) return -1;
    index = skipSpace(bytes, index);
    if (bytes[index] === CLOSE_BRACKET) return index + 1;
    if (bytes[index] !== COMMA) return -1;
    index = skipSpace(bytes, index + 1);
  }
}

function skipObject(bytes: Buffer, from: number, depth: number): number {
  let index = skipSpace(bytes, from);
  if (bytes[index] === CLOSE_BRACE) return index + 1;
  for (;;) {
    if (bytes[index] !== QUOTE) return -1;
    index = skipString(bytes, index + 1);
    if (index === -1) return -1;
    index = skipSpace(bytes, index);
    if (bytes[index] !== COLON) return -1;
    index = skipValue(bytes, skipSpace(bytes, index + 1), depth);
    if (index === -1) return -1;
    index = skipSpace(bytes, index);
    if (bytes[index] === CLOSE_BRACE) return index + 1;
    if (bytes[index] !== COMMA) return -1;
    index = skipSpace(bytes, index + 1);
  }
}
