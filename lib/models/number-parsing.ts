import { isNumericText } from '../formats/numeric-text.ts';
import type { NumericDatatype } from './tensor.ts';

const INTEGER = /^\s*[+-]?\d+\s*$/;
/** Values that can't be written in digits, as Python, C and this package spell them. */
const NOT_FINITE = /^\s*[+-]?(?:nan|inf(?:inity)?)\s*$/i;
/** Far more digits than 64 bits can have. It is limited because converting text to a bigint takes quadratic time. */
export const MAX_INTEGER_TEXT = 1024;

const TRUTH_VALUES: ReadonlyMap<string, number> = new Map([
  ['true', 1],
  ['True', 1],
  ['TRUE', 1],
  ['false', 0],
  ['False', 0],
  ['FALSE', 0],
]);

const INTEGER_LIMITS: Partial<Record<NumericDatatype, readonly [min: number, max: number]>> = {
  BOOL: [0, 1],
  UINT8: [0, 0xff],
  UINT16: [0, 0xffff],
  UINT32: [0, 0xffff_ffff],
  INT8: [-0x80, 0x7f],
  INT16: [-0x8000, 0x7fff],
  INT32: [-0x8000_0000, 0x7fff_ffff],
};

/**
 * The number that a tensor of `datatype` holds for `value`, or undefined where it does not fit.
 *
 * Text that is entirely a number is read as that number, since CSV has only text: for floats also `NaN`, `inf` and
 * `Infinity` in any case, for BOOL also `True`, `true`, `TRUE` and their opposites.
 */
export function toNumber(value: unknown, datatype: NumericDatatype): number | undefined {
  const number = numberOf(value, datatype);
  const limits = INTEGER_LIMITS[datatype];
  if (number === undefined || limits === undefined) return number;
  return Number.isInteger(number) && number >= limits[0] && number <= limits[1] ? number : undefined;
}

function numberOf(value: unknown, datatype: NumericDatatype): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'string') return numberOfText(value, datatype);
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'boolean' && datatype === 'BOOL') return value ? 1 : 0;
  return undefined;
}

function numberOfText(text: string, datatype: NumericDatatype): number | undefined {
  if (isNumericText(text)) return Number(text);
  if (datatype === 'BOOL') return truthValue(text);
  if (!isFloat(datatype) || !NOT_FINITE.test(text)) return undefined;
  if (/nan/i.test(text)) return NaN;
  return text.includes('-') ? -Infinity : Infinity;
}

/** Returns 1 or 0 for the text of a truth value. */
export function truthValue(text: string): number | undefined {
  return TRUTH_VALUES.get(text.trim());
}

export function isFloat(datatype: string): boolean {
  return datatype === 'FP16' || datatype === 'FP32' || datatype === 'FP64';
}

/** As {@link toNumber}, for the 64-bit integers, exactly. */
export function toBigInt(value: unknown, datatype: 'INT64' | 'UINT64'): bigint | undefined {
  const bigint = bigIntOf(value);
  if (bigint === undefined) return undefined;
  const fits = datatype === 'INT64' ? BigInt.asIntN(64, bigint) : BigInt.asUintN(64, bigint);
  return fits === bigint ? bigint : undefined;
}

function bigIntOf(value: unknown): bigint | undefined {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : undefined;
  if (typeof value !== 'string' || value.length > MAX_INTEGER_TEXT || !isNumericText(value)) return undefined;
  return INTEGER.test(value) ? BigInt(value.trim()) : bigIntOf(Number(value));
}
