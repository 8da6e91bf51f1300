import { createHash } from 'node:crypto';
import { type InputContext, inputValue } from './collate.ts';
import { elementShape } from './element-shape.ts';
import { fixedBatchSize } from './onnx-session.ts';
import { isForAll, type TensorMetadata } from './tensor.ts';

/** Maximum characters of a value that elements must share, in a batch key. */
const MAX_KEY_VALUE = 64;

/**
 * Returns the part of a batch key for an input that has one value for all elements.
 *
 * @throws InputMismatchError if it does not fit
 */
export function keyForAll(element: unknown, input: TensorMetadata, context: InputContext): string {
  const value = inputValue(element, input, context);
  const text = String(value);
  const short = text.length <= MAX_KEY_VALUE ? text : createHash('sha256').update(text).digest('base64');
  return `${input.name}=${elementShape(value, input.shape, input).join('x')}:${short};`;
}

/**
 * Returns the places of elements that can run together, for a batch that was not cut by the model's inputs. They share
 * the inputs that have one value for a whole batch, and do not exceed the size at which the model fixes its batches.
 */
export function batchesWithin(elements: readonly unknown[], context: InputContext): readonly (readonly number[])[] {
  const { inputs } = context;
  const size = fixedBatchSize(inputs) ?? Infinity;
  const batches = new Map<string, number[][]>();
  const shared = size === 1 ? [] : inputs.filter(isForAll);
  elements.forEach((element, place) => {
    const key = elements.length === 1 ? '' : shared.map((input) => keyOf(element, input, context)).join('');
    const own = batches.get(key) ?? [];
    batches.set(key, own);
    const open = own.at(-1);
    if (open === undefined || open.length >= size) own.push([place]);
    else open.push(place);
  });
  return [...batches.values()].flat();
}

/** A value that does not fit is reported when it is packed. */
function keyOf(element: unknown, input: TensorMetadata, context: InputContext): string {
  try {
    return keyForAll(element, input, context);
  } catch {
    return `${input.name}!`;
  }
}
