import { isArrayValue } from './element-shape.ts';
import { isMissing, isMissingText, type Missing } from './missing-values.ts';
import { isFloat, truthValue } from './number-parsing.ts';
import type { Datatype, TensorMetadata } from './tensor.ts';

export interface MisfitContext {
  readonly input: TensorMetadata;
  readonly missing: Missing | undefined;
}

/**
 * Explains why a value does not fit an input, without the value itself.
 *
 * @param place - index of the value in its element's array, as `[1]`, or its field; empty where the element is the value.
 */
export function misfitMessage(value: unknown, place: string, { input, missing }: MisfitContext): string {
  const { name, datatype } = input;
  const what = `input '${name}'${place}`;
  if (datatype === 'BYTES' && typeof value === 'string') return `${what} ${textFault(value)}`;
  if (isFloat(datatype) && typeof value === 'number')
    return `${what} is NaN, which a function computed or a Parquet file has: correct it, or set missing: 'nan' to allow NaN`;
  return `${what} must be ${datatype}: got ${instead(value, datatype)}${advice(value, datatype, missing)}`;
}

export function typeName(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (isArrayValue(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function textFault(text: string): string {
  return text.isWellFormed()
    ? 'contains U+0000, where onnxruntime would end the text: remove it'
    : 'contains half of a surrogate pair, which UTF-8 has no form for: toWellFormed() replaces it';
}

function instead(value: unknown, datatype: Datatype): string {
  if (datatype === 'BYTES') return typeName(value);
  if (typeof value === 'string') return textInstead(value, datatype);
  if (Number.isNaN(value)) return 'NaN';
  return typeof value === 'number' || typeof value === 'bigint' ? "a number that it can't hold" : typeName(value);
}

function textInstead(text: string, datatype: Datatype): string {
  if (text.trim() === '') return 'empty text';
  if (isMissingText(text)) return 'a word for a missing value';
  if (datatype === 'BOOL') return 'text that is not true, false, 1 or 0';
  return truthValue(text) === undefined ? 'text that is not such a number' : 'a truth value as text';
}

function advice(value: unknown, datatype: Datatype, missing: Missing | undefined): string {
  if (missing === 'nan' || !isMissing(value)) return '';
  if (isFloat(datatype)) return "; missing: 'nan' reads it as NaN";
  return datatype === 'BYTES' ? "; missing: 'nan' reads it as ''" : '';
}
