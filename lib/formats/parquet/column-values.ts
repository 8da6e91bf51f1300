import type { SchemaElement } from 'hyparquet';
import { parseFloat16 } from 'hyparquet/src/convert.js';
import { dateText, timestampText, timeText } from './civil-time.ts';
import { decimalText, signedInteger } from './decimal-text.ts';

/** Values of a column as they are stored, or as elements have them. */
export type ColumnValues = ArrayLike<unknown>;

/** Turns stored values into those that elements have. */
export type ConvertValues = (stored: ColumnValues) => ColumnValues;

/** A text that is not UTF-8: the element that has it fails. */
export class InvalidText {
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

const JULIAN_DAY_OF_1970 = 2_440_588n;
const DAY_NANOS = 86_400_000_000_000n;
const HIGH_LIMIT = 2 ** 21;
const HIGH_WEIGHT = 2 ** 32;
const REPLACEMENT = '\uFFFD';

const DIGITS = { MILLIS: 3, MICROS: 6, NANOS: 9 } as const;

/** Returns how the values of a column are made from the stored ones, all of them exactly; undefined if they are the same. */
export function conversionOf(element: SchemaElement): ConvertValues | undefined {
  switch (element.type) {
    case 'INT32':
      return int32Conversion(element);
    case 'INT64':
      return int64Conversion(element);
    case 'INT96':
      return each((value: bigint) => timestampText(int96Nanos(value), DIGITS.NANOS));
    case 'BYTE_ARRAY':
      return bytesConversion(element);
    case 'FIXED_LEN_BYTE_ARRAY':
      return fixedConversion(element);
    default:
      return undefined;
  }
}

function each(convert: (value: never) => unknown): ConvertValues {
  return (stored) => {
    const values = Array.from<unknown>({ length: stored.length });
    // The type of a column's stored values follows from its schema.
    for (let index = 0; index < values.length; index += 1) values[index] = convert(stored[index] as never);
    return values;
  };
}

function int32Conversion({ converted_type, logical_type, scale = 0 }: SchemaElement): ConvertValues | undefined {
  if (converted_type === 'DECIMAL' || logical_type?.type === 'DECIMAL')
    return each((value: number) => decimalText(value, scaleOf(logical_type, scale)));
  if (converted_type === 'DATE' || logical_type?.type === 'DATE') return each(dateText);
  if (converted_type === 'TIME_MILLIS' || logical_type?.type === 'TIME')
    return each((value: number) => timeText(value, DIGITS.MILLIS));
  if (isUnsigned(converted_type, logical_type)) return each((value: number) => value >>> 0);
  return undefined;
}

function int64Conversion({ converted_type, logical_type, scale = 0 }: SchemaElement): ConvertValues {
  if (converted_type === 'DECIMAL' || logical_type?.type === 'DECIMAL')
    return each((value: bigint) => decimalText(value, scaleOf(logical_type, scale)));
  if (logical_type?.type === 'TIMESTAMP') {
    const digits = DIGITS[logical_type.unit];
    return timestamps(digits, logical_type.isAdjustedToUTC);
  }
  // The old annotations are of times in UTC.
  if (converted_type === 'TIMESTAMP_MILLIS') return timestamps(DIGITS.MILLIS, true);
  if (converted_type === 'TIMESTAMP_MICROS') return timestamps(DIGITS.MICROS, true);
  if (logical_type?.type === 'TIME') {
    const digits = DIGITS[logical_type.unit];
    return each((value: bigint) => timeText(Number(value), digits));
  }
  if (converted_type === 'TIME_MICROS') return each((value: bigint) => timeText(Number(value), DIGITS.MICROS));
  if (isUnsigned(converted_type, logical_type)) return each((value: bigint) => exact(BigInt.asUintN(64, value)));
  return exactNumbers;
}

function timestamps(digits: number, isUtc: boolean): ConvertValues {
  const zone = isUtc ? 'Z' : '';
  return each((value: bigint) => timestampText(exact(value), digits) + zone);
}

function exact(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Returns 64-bit integers as numbers; those beyond 2^53 as bigints. */
function exactNumbers(stored: ColumnValues): ColumnValues {
  if (!(stored instanceof BigInt64Array)) return each(exact)(stored);
  const halves = new Int32Array(stored.buffer, stored.byteOffset, 2 * stored.length);
  const numbers = new Float64Array(stored.length);
  for (let index = 0; index < numbers.length; index += 1) {
    const high = halves[2 * index + 1] as number;
    if (high >= HIGH_LIMIT || high < -HIGH_LIMIT) return each(exact)(stored);
    numbers[index] = high * HIGH_WEIGHT + ((halves[2 * index] as number) >>> 0);
  }
  return numbers;
}

function bytesConversion({ converted_type, logical_type, scale = 0 }: SchemaElement): ConvertValues {
  const type = logical_type?.type;
  if (converted_type === 'DECIMAL' || type === 'DECIMAL')
    return each((bytes: Uint8Array) => decimalText(signedInteger(bytes), scaleOf(logical_type, scale)));
  const isText =
    converted_type === 'UTF8' || converted_type === 'ENUM' || converted_type === 'JSON' || TEXT_TYPES.has(type ?? '');
  return each(isText ? textOf : ownBytes);
}

const TEXT_TYPES: ReadonlySet<string> = new Set(['STRING', 'ENUM', 'JSON']);

function fixedConversion({ converted_type, logical_type, scale = 0 }: SchemaElement): ConvertValues {
  const type = logical_type?.type;
  if (converted_type === 'DECIMAL' || type === 'DECIMAL')
    return each((bytes: Uint8Array) => decimalText(signedInteger(bytes), scaleOf(logical_type, scale)));
  if (type === 'FLOAT16') return each(parseFloat16);
  if (type === 'UUID') return each(uuidText);
  return each(ownBytes);
}

function textOf(bytes: Uint8Array): string | InvalidText {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = buffer.toString('utf8');
  if (text.includes(REPLACEMENT) && !Buffer.from(text).equals(buffer)) return new InvalidText(ownBytes(bytes));
  return text;
}

/** Returns a copy: stored values share the memory of their page. */
function ownBytes(bytes: Uint8Array): Uint8Array {
  return bytes.slice();
}

function uuidText(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** INT96 is the nanoseconds of a day, then the Julian day: as Impala and old versions of Spark write times. */
function int96Nanos(value: bigint): bigint {
  return ((value >> 64n) - JULIAN_DAY_OF_1970) * DAY_NANOS + BigInt.asUintN(64, value);
}

function scaleOf(logical: SchemaElement['logical_type'], scale: number): number {
  return logical?.type === 'DECIMAL' ? logical.scale : scale;
}

function isUnsigned(converted: SchemaElement['converted_type'], logical: SchemaElement['logical_type']): boolean {
  if (logical?.type === 'INTEGER') return !logical.isSigned;
  return converted?.startsWith('UINT_') === true;
}
