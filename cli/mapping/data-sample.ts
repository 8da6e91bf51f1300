import { isNumericText } from '../../lib/formats/numeric-text.ts';
import type { InspectedTensor } from '../../lib/models/inspect-onnx.ts';

/** The first elements of a file. */
export interface DataSample {
  /** Name of the file in messages. */
  readonly name: string;
  readonly elements: readonly unknown[];
}

/** Fields of all sampled elements, in the order in which they appear. */
export function fieldsOf(elements: readonly unknown[]): readonly string[] {
  return [...new Set(elements.flatMap((element) => (isCompound(element) ? Object.keys(element) : [])))];
}

/** Returns the number of values that an input takes from an element; undefined if it is not fixed. */
export function widthOf({ shape, batchDimension }: InspectedTensor): number | undefined {
  const dimensions = shape?.slice(batchDimension === null ? 0 : 1) ?? [-1];
  const sizes = dimensions.map((size) => (typeof size === 'number' && size >= 0 ? size : undefined));
  return sizes.reduce<number | undefined>(
    (product, size) => (size === undefined || product === undefined ? undefined : product * size),
    1,
  );
}

/** Checks whether the sampled values of a field can be values of an input: any text for BYTES, else numbers. */
export function isSuitable({ datatype }: InspectedTensor, { elements }: DataSample, field: string): boolean {
  const values = elements.filter(isCompound).map((element) => element[field]);
  return datatype === 'BYTES' ? values.every((value) => typeof value === 'string') : values.every(isNumber);
}

/** Checks whether a value is a number, or a text that is read as one. */
export function isNumber(value: unknown): boolean {
  if (typeof value === 'string') return isNumericText(value);
  return typeof value === 'number' || typeof value === 'boolean';
}

/** Checks whether a value has fields: an object or an array. */
export function isCompound(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
