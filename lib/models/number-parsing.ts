import type { NumericDatatype } from './tensor.ts';

const NUMERIC = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$/;
const INTEGER = /^\s*[+-]?\d+\s*$/;

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
 * A wholly numeric string counts as its number, since that is all a CSV can say.
 */
export function toNumber(value: unknown, datatype: NumericDatatype): number | undefined {
  const number = numberOf(value, datatype);
  const limits = INTEGER_LIMITS[datatype];
  if (number === undefined || limits === undefined) return number;
  return Number.isInteger(number) && number >= limits[0] && number <= limits[1] ? number : undefined;
}

function numberOf(value: unknown, datatype: NumericDatatype): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'string') return NUMERIC.test(value) ? Number(value) : undefined;
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'boolean' && datatype === 'BOOL') return value ? 1 : 0;
  return undefined;
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
  if (typeof value !== 'string' || !NUMERIC.test(value)) return undefined;
  return INTEGER.test(value) ? BigInt(value.trim()) : bigIntOf(Number(value));
}
