import { MAX_NESTING } from '../elements/nesting.ts';
import { elementsOf, isForAll, isFree, type TensorMetadata } from './tensor.ts';

/** A value that does not fit the model's input; the message is in the user's terms and holds no payload. */
export class InputMismatchError extends Error {
  override readonly name = 'InputMismatchError';
}

/** Checks whether the value is an array of numbers: nested, flat or typed. */
export function isArrayValue(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || ArrayBuffer.isView(value);
}

/** Checks whether the value is an object with fields, and not an array of numbers. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !isArrayValue(value);
}

/**
 * The dimensions that one element's `value` has for this input, without the batch dimension.
 *
 * @param dimensions - the input's own, without the batch dimension; free ones are names or negative.
 * @throws InputMismatchError where the value can't have them.
 */
export function elementShape(
  value: unknown,
  dimensions: readonly (number | string)[],
  input: TensorMetadata,
): number[] {
  if (!isArrayValue(value)) return scalarShape(dimensions, input);
  const depth = depthOf(value);
  if (depth === dimensions.length && depth !== 1) return nestedShape(value, dimensions, input);
  if (depth === 1) return flatShape(value.length, dimensions, input);
  throw mismatch(input, `${depth} levels of nesting`);
}

function scalarShape(dimensions: readonly (number | string)[], input: TensorMetadata): number[] {
  const shape = dimensions.map((dimension) => (isFree(dimension) ? 1 : Number(dimension)));
  if (elementsOf(shape) !== 1) throw mismatch(input, 'a single value');
  return shape;
}

function flatShape(length: number, dimensions: readonly (number | string)[], input: TensorMetadata): number[] {
  const free = dimensions.filter(isFree).length;
  const fixed = elementsOf(dimensions.map((dimension) => (isFree(dimension) ? 1 : Number(dimension))));
  if (free > 1) throw mismatch(input, 'a flat array, which says nothing of its dimensions: nest it');
  const rest = fixed === 0 ? 0 : length / fixed;
  if (free === 0 ? length !== fixed : !Number.isInteger(rest)) throw mismatch(input, `${length} values`);
  return dimensions.map((dimension) => (isFree(dimension) ? rest : Number(dimension)));
}

function nestedShape(
  value: ArrayLike<unknown>,
  dimensions: readonly (number | string)[],
  input: TensorMetadata,
): number[] {
  const shape: number[] = [];
  let level: unknown = value;
  for (const dimension of dimensions) {
    const length = isArrayValue(level) ? level.length : 0;
    if (!isFree(dimension) && length !== dimension)
      throw mismatch(input, `${length} along a dimension of ${dimension}`);
    shape.push(length);
    level = isArrayValue(level) ? level[0] : undefined;
  }
  return shape;
}

/** Counts levels up to one more than any element has: an array that a function made may contain itself. */
function depthOf(value: unknown): number {
  let depth = 0;
  for (let level: unknown = value; isArrayValue(level) && depth <= MAX_NESTING; level = level[0]) depth += 1;
  return depth;
}

export function mismatch(input: TensorMetadata, got: string): InputMismatchError {
  const batch = isForAll(input) ? '' : ', the first being the batch';
  return new InputMismatchError(`input '${input.name}' must be ${tensorType(input)}${batch}: got ${got}`);
}

/** Formats an input's type and shape for messages: `FP32 of shape [N, 3]`. A free dimension without a name gets one. */
export function tensorType({ datatype, shape }: TensorMetadata): string {
  const dimensions = shape.map((dimension, place) => (dimension === '' ? (place === 0 ? 'N' : '?') : dimension));
  return `${datatype} of shape [${dimensions.join(', ')}]`;
}
