import { skipSpace } from './json-space.ts';

/** The negative powers that divide a mantissa exactly enough: both are exact, so the quotient is rounded once. */
const POWERS_OF_TEN = Float64Array.from({ length: 23 }, (_, power) => 10 ** power);
/** Above it, one more digit could exceed 2^53. */
const MAX_MANTISSA = 900_719_925_474_098;

const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const SMALL_E = 0x65;
const LARGE_E = 0x45;
const PLUS = 0x2b;
const COMMA = 0x2c;
const CLOSE_BRACKET = 0x5d;
/** Numbers with so many digits are exact as integers. */
const SHORT_DIGITS = 15;

/** End of the number that was scanned last; -1 if the bytes are not a number in JSON. */
export let numberEnd = -1;
/** True if the number that was scanned last begins with a zero that other digits follow: CSV has such numbers, JSON not. */
export let hasLeadingZero = false;

/**
 * Returns the number at a place of some bytes, as `JSON.parse` and `Number` read it. The bytes after it are up to the
 * caller.
 *
 * A mantissa below 2^53 and a power of ten up to 10^22 are exact as doubles, so one division rounds correctly (Clinger,
 * How to Read Floating Point Numbers Accurately, 1990). All other numbers are left to `Number`.
 */
export function scanNumber(bytes: Buffer, from: number): number {
  let index = from;
  let byte = bytes[index] as number;
  const isNegative = byte === MINUS;
  if (isNegative) byte = bytes[++index] as number;
  const first = index;
  let mantissa = 0;
  let isExact = true;
  while (byte >= ZERO && byte <= NINE) {
    if (mantissa > MAX_MANTISSA) isExact = false;
    mantissa = mantissa * 10 + (byte - ZERO);
    byte = bytes[++index] as number;
  }
  numberEnd = -1;
  if (index === first) return NaN;
  hasLeadingZero = bytes[first] === ZERO && index > first + 1;
  let digits = 0;
  if (byte === POINT) {
    const point = ++index;
    byte = bytes[index] as number;
    while (byte >= ZERO && byte <= NINE) {
      if (mantissa > MAX_MANTISSA) isExact = false;
      mantissa = mantissa * 10 + (byte - ZERO);
      byte = bytes[++index] as number;
    }
    digits = index - point;
    if (digits === 0) return NaN;
  }
  if (byte === SMALL_E || byte === LARGE_E) {
    index = exponentEnd(bytes, index + 1);
    if (index === -1) return NaN;
    isExact = false;
  }
  numberEnd = index;
  if (!isExact || digits >= POWERS_OF_TEN.length) return Number(bytes.toString('latin1', from, index));
  const value = digits === 0 ? mantissa : mantissa / (POWERS_OF_TEN[digits] as number);
  return isNegative ? -value : value;
}

/**
 * Scans the numbers of a JSON list, from behind its bracket, into `data[at]` to below `data[end]`. Returns the end of the
 * list; -1 if it is not a list of exactly as many numbers.
 *
 * Most numbers are short decimals without spaces around them: those are read here, as `scanNumber` reads them.
 */
// Not an object of options: it is called for every element.
// oxlint-disable-next-line max-params
export function scanFloats(
  bytes: Buffer,
  from: number,
  data: Float32Array | Float64Array,
  at: number,
  end: number,
): number {
  let index = from;
  for (let place = at; place < end; place += 1) {
    const start = index;
    let byte = bytes[index] as number;
    const isNegative = byte === MINUS;
    if (isNegative) byte = bytes[++index] as number;
    const first = index;
    let mantissa = 0;
    let digits = 0;
    while (byte >= ZERO && byte <= NINE) {
      mantissa = mantissa * 10 + (byte - ZERO);
      byte = bytes[++index] as number;
    }
    let length = index - first;
    let isShort = length === 1 || (length > 1 && bytes[first] !== ZERO);
    if (byte === POINT) {
      byte = bytes[++index] as number;
      const point = index;
      while (byte >= ZERO && byte <= NINE) {
        mantissa = mantissa * 10 + (byte - ZERO);
        byte = bytes[++index] as number;
      }
      digits = index - point;
      length += digits;
      isShort &&= digits > 0;
    }
    const next = place === end - 1 ? CLOSE_BRACKET : COMMA;
    if (isShort && length <= SHORT_DIGITS && byte === next) {
      const value = digits === 0 ? mantissa : mantissa / (POWERS_OF_TEN[digits] as number);
      data[place] = isNegative ? -value : value;
      index += 1;
      continue;
    }
    const value = scanNumber(bytes, skipSpace(bytes, start));
    if (numberEnd === -1 || hasLeadingZero) return -1;
    data[place] = value;
    index = skipSpace(bytes, numberEnd);
    if (bytes[index] !== next) return -1;
    index += 1;
  }
  return index;
}

/** Returns the end of the digits of an exponent, which may have a sign; -1 if there are no digits. */
function exponentEnd(bytes: Buffer, from: number): number {
  let index = from;
  if (bytes[index] === PLUS || bytes[index] === MINUS) index += 1;
  const first = index;
  while ((bytes[index] as number) >= ZERO && (bytes[index] as number) <= NINE) index += 1;
  return index === first ? -1 : index;
}
