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
const SPACE = 0x20;
const COMMA = 0x2c;
const CLOSE_BRACKET = 0x5d;
/** Digits of an integer that always fits in 32 bits. */
const INT32_DIGITS = 9;
/** Integers with this number of digits are exact. */
const SHORT_DIGITS = 15;

/** Numbers to fill: `data[place]` to below `data[end]`. */
export interface FloatPlaces {
  readonly data: Float32Array | Float64Array;
  place: number;
  end: number;
}

/** Scans numbers as JSON writes them. */
export class NumberScanner {
  /** End of the number that was scanned last; -1 if the bytes are not a number. */
  end = -1;
  /** True if that number begins with a zero that other digits follow: CSV has such numbers, JSON not. */
  hasLeadingZero = false;

  /**
   * Returns the number at a place of some bytes, as `JSON.parse` and `Number` read it. The bytes after it are up to the
   * caller.
   *
   * A mantissa below 2^53 and a power of ten up to 10^22 are exact as doubles, so one division rounds correctly (Clinger,
   * How to Read Floating Point Numbers Accurately, 1990). All other numbers are left to `Number`.
   */
  scan(bytes: Buffer, from: number): number {
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
    this.end = -1;
    if (index === first) return NaN;
    this.hasLeadingZero = bytes[first] === ZERO && index > first + 1;
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
    this.end = index;
    if (!isExact || digits >= POWERS_OF_TEN.length) return Number(bytes.toString('latin1', from, index));
    const value = digits === 0 ? mantissa : mantissa / (POWERS_OF_TEN[digits] as number);
    return isNegative ? -value : value;
  }

  /**
   * Scans the numbers of a JSON list, from behind its bracket, into places. Returns the end of the list; -1 if it is not a
   * list of exactly as many numbers.
   */
  scanList(bytes: Buffer, from: number, places: FloatPlaces): number {
    let index = from;
    for (;;) {
      const next = scanDecimals(bytes, index, places, COMMA);
      if (places.place === places.end) return -1;
      const value = this.scan(bytes, skipSpace(bytes, next));
      if (this.end === -1 || this.hasLeadingZero) return -1;
      places.data[places.place] = value;
      places.place += 1;
      index = skipSpace(bytes, this.end);
      if (places.place === places.end) return bytes[index] === CLOSE_BRACKET ? index + 1 : -1;
      if (bytes[index] !== COMMA) return -1;
      index += 1;
    }
  }
}

/**
 * Scans short decimals, each followed by a separator, into places for numbers, as a NumberScanner does, and moves the place
 * on. Returns the index behind the last of these separators: the next number is another one, or the last.
 *
 * Their digits are summed as 32-bit integers, in four fifths of the time that doubles take.
 */
// Not an object of options: it is called for every element.
// oxlint-disable-next-line max-params
export function scanDecimals(bytes: Buffer, from: number, places: FloatPlaces, separator: number): number {
  const { data, end } = places;
  let { place } = places;
  let index = from;
  let scannedEnd = from;
  for (; place < end; place += 1) {
    let byte = bytes[index] as number;
    // Python writes a space behind a comma.
    if (byte === SPACE) byte = bytes[++index] as number;
    const isNegative = byte === MINUS;
    if (isNegative) byte = bytes[++index] as number;
    const first = index;
    let mantissa = 0;
    let digit = byte - ZERO;
    while (digit >= 0 && digit <= 9) {
      mantissa = (Math.imul(mantissa, 10) + digit) | 0;
      byte = bytes[++index] as number;
      digit = byte - ZERO;
    }
    let length = index - first;
    if (length === 0 || (length > 1 && bytes[first] === ZERO)) break;
    let digits = 0;
    if (byte === POINT) {
      byte = bytes[++index] as number;
      const point = index;
      digit = byte - ZERO;
      while (digit >= 0 && digit <= 9) {
        mantissa = (Math.imul(mantissa, 10) + digit) | 0;
        byte = bytes[++index] as number;
        digit = byte - ZERO;
      }
      digits = index - point;
      if (digits === 0) break;
      length += digits;
    }
    if (byte !== separator || length > SHORT_DIGITS) break;
    const digitsValue = length > INT32_DIGITS ? digitsBetween(bytes, first, index) : mantissa;
    const value = digits === 0 ? digitsValue : digitsValue / (POWERS_OF_TEN[digits] as number);
    data[place] = isNegative ? -value : value;
    index += 1;
    scannedEnd = index;
  }
  places.place = place;
  return scannedEnd;
}

/** Returns the digits of a decimal, which may have a point, as an integer. */
function digitsBetween(bytes: Buffer, start: number, end: number): number {
  let integer = 0;
  for (let index = start; index < end; index += 1) {
    const byte = bytes[index] as number;
    if (byte !== POINT) integer = integer * 10 + (byte - ZERO);
  }
  return integer;
}

/** Returns the end of the digits of an exponent, which may have a sign; -1 if there are no digits. */
function exponentEnd(bytes: Buffer, from: number): number {
  let index = from;
  if (bytes[index] === PLUS || bytes[index] === MINUS) index += 1;
  const first = index;
  while ((bytes[index] as number) >= ZERO && (bytes[index] as number) <= NINE) index += 1;
  return index === first ? -1 : index;
}
