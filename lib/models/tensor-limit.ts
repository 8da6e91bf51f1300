import { InputMismatchError, tensorType } from './element-shape.ts';
import { elementsOf, type TensorMetadata, widthOf } from './tensor.ts';

/** An image of 50 million pixels, the default `maxPixels`, takes 600 MB as floats. Ragged arrays of 150 KB can take 3.6 GB. */
const DEFAULT_MAX_ELEMENT_TENSOR_BYTES = 1024 ** 3;
/** Bytes of an array for each string of a text tensor, beside the strings. */
const STRING_BYTES = 8;

export interface TensorLimit {
  /**
   * Maximum bytes of the tensor of one element for one input with free dimensions. Nested arrays whose rows differ in
   * length count as padded to the length of the first row. An element that needs more fails.
   * @default 1073741824 (1 GiB)
   */
  readonly maxElementTensorBytes?: number;
}

/** @throws RangeError if the option breaks its rule. */
export function checkTensorLimit({ maxElementTensorBytes }: TensorLimit, handler: string): void {
  if (maxElementTensorBytes === undefined || isPositiveInteger(maxElementTensorBytes)) return;
  throw new RangeError(
    `Cannot create ${handler} as 'maxElementTensorBytes' must be a positive integer: current value is ${maxElementTensorBytes}`,
  );
}

function isPositiveInteger(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) > 0;
}

/** Bytes that an element's values take in a tensor. Text counts as no more than the array that holds it. */
export function tensorBytes({ datatype }: TensorMetadata, shape: readonly number[]): number {
  return elementsOf(shape) * (datatype === 'BYTES' ? STRING_BYTES : widthOf(datatype));
}

/** @throws InputMismatchError if the tensor of an element of this shape, without the batch, is larger than the maximum. */
export function checkTensorBytes(input: TensorMetadata, shape: readonly number[], limit: TensorLimit): void {
  const { maxElementTensorBytes: maximum = DEFAULT_MAX_ELEMENT_TENSOR_BYTES } = limit;
  const bytes = tensorBytes(input, shape);
  if (bytes <= maximum) return;
  throw new InputMismatchError(
    `input '${input.name}', ${tensorType(input)}, would have ${bytes} bytes for this element, of shape [${shape.join(', ')}]: ` +
      `the maximum is ${maximum}; raise 'maxElementTensorBytes', or shorten the element's longest array`,
  );
}
