import { elementShape, InputMismatchError, isArrayValue, mismatch, tensorType } from './element-shape.ts';
import { toBigInt, toNumber } from './number-parsing.ts';
import {
  allocate,
  elementDimensions,
  elementsOf,
  isForAll,
  isFree,
  type NamedTensors,
  type NumericDatatype,
  type Tensor,
  type TensorData,
  type TensorMetadata,
} from './tensor.ts';

/** Joins elements of different lengths in one batch. */
export interface Padding {
  /** The dimension of the input tensor that is padded to the longest; 0 is the batch, so at least 1. @default 1 */
  readonly axis?: number;
  /** What fills the rest. @default 0 */
  readonly value?: number;
  /** An input of the model that is 1 where an element is its own and 0 where it was padded. */
  readonly mask?: string;
}

export const PADDING_FIELDS = { axis: true, value: true, mask: true } as const satisfies Record<keyof Padding, true>;

/** An element that does not fit, by its place in the batch; its neighbours may go on without it. */
export class ElementMismatchError extends InputMismatchError {
  readonly index: number;
  constructor(index: number, message: string) {
    super(message);
    this.index = index;
  }
}

/** The value of an element for one input: a field of that name, or the element itself for a model of one input. */
export function inputValue(element: unknown, input: TensorMetadata, inputs: readonly TensorMetadata[]): unknown {
  if (isRecord(element)) {
    const value = element[input.name];
    if (value === undefined || value === null) throw new InputMismatchError(missing(input, inputs, element));
    return value;
  }
  if (inputs.length === 1 && element !== undefined && element !== null) return element;
  throw new InputMismatchError(`an element must be an object with ${names(inputs)}: got ${typeName(element)}`);
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !isArrayValue(value);
}

function missing(input: TensorMetadata, inputs: readonly TensorMetadata[], element: object): string {
  const has = Object.keys(element).slice(0, 8).join(', ');
  return `an element must have ${names(inputs)}: '${input.name}' is missing, ${tensorType(input)}; its fields are [${has}]`;
}

function names(inputs: readonly TensorMetadata[]): string {
  return inputs.map((input) => `'${input.name}'`).join(', ');
}

function typeName(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (isArrayValue(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/**
 * Packs elements of one shape into one tensor an input: dimension 0 is the batch.
 * An input that is one value for the whole batch takes it from the first element.
 *
 * @throws ElementMismatchError for the first element that does not fit.
 */
export function collate(
  elements: readonly unknown[],
  inputs: readonly TensorMetadata[],
  padding?: Padding,
): NamedTensors {
  const tensors: Record<string, Tensor> = {};
  const data = padding?.mask === undefined ? inputs : inputs.filter((input) => input.name !== padding.mask);
  for (const input of data) tensors[input.name] = collateInput(elements, input, data, padding);
  const mask = inputs.find((input) => input.name === padding?.mask);
  if (mask !== undefined) tensors[mask.name] = maskTensor(elements, mask, data, padding ?? {});
  return tensors;
}

function collateInput(
  elements: readonly unknown[],
  input: TensorMetadata,
  inputs: readonly TensorMetadata[],
  padding: Padding | undefined,
): Tensor {
  if (isForAll(input)) return tensorForAll(elements, input, inputs);
  const dimensions = input.shape.slice(1);
  const fixed = dimensions.every((dimension) => !isFree(dimension));
  const shape = fixed ? dimensions.map(Number) : commonShape(elements, input, inputs, padding);
  const size = elementsOf(shape);
  const row = rowWriter(input, shape, size * elements.length, fixed ? undefined : padding);
  for (let index = 0; index < elements.length; index += 1) {
    try {
      row.write(inputValue(elements[index], input, inputs), index * size);
    } catch (error) {
      throw blamed(index, error);
    }
  }
  return { datatype: input.datatype, shape: [elements.length, ...shape], data: row.data };
}

function blamed(index: number, error: unknown): unknown {
  return error instanceof InputMismatchError ? new ElementMismatchError(index, error.message) : error;
}

function tensorForAll(elements: readonly unknown[], input: TensorMetadata, inputs: readonly TensorMetadata[]): Tensor {
  try {
    const value = inputValue(elements[0], input, inputs);
    const shape = elementShape(value, input.shape, input);
    const row = rowWriter(input, shape, elementsOf(shape), undefined);
    row.write(value, 0);
    return { datatype: input.datatype, shape, data: row.data };
  } catch (error) {
    throw blamed(0, error);
  }
}

/** The shape that holds every element: theirs, and along the padded axis the longest. */
function commonShape(
  elements: readonly unknown[],
  input: TensorMetadata,
  inputs: readonly TensorMetadata[],
  padding: Padding | undefined,
): number[] {
  let common: number[] | undefined;
  for (let index = 0; index < elements.length; index += 1) {
    try {
      const shape = elementShape(inputValue(elements[index], input, inputs), elementDimensions(input), input);
      common = common === undefined ? shape : joinShapes(common, shape, input, padding);
    } catch (error) {
      throw blamed(index, error);
    }
  }
  return common ?? [];
}

function joinShapes(common: number[], shape: number[], input: TensorMetadata, padding: Padding | undefined): number[] {
  return common.map((length, dimension) => {
    const own = shape[dimension] ?? 0;
    if (own === length) return length;
    if (padding !== undefined && dimension === (padding.axis ?? 1) - 1) return Math.max(length, own);
    throw mismatch(input, `shape [${shape.join(', ')}] in a batch of [${common.join(', ')}]`);
  });
}

function maskTensor(
  elements: readonly unknown[],
  mask: TensorMetadata,
  inputs: readonly TensorMetadata[],
  padding: Padding,
): Tensor {
  const axis = (padding.axis ?? 1) - 1;
  const masked = inputs.find((input) => isFree(input.shape[axis + 1])) ?? inputs[0];
  if (masked === undefined) throw new InputMismatchError(`there is no input for mask '${mask.name}' to cover`);
  const lengths = elements.map(
    (element) => elementShape(inputValue(element, masked, inputs), masked.shape.slice(1), masked)[axis] ?? 0,
  );
  const longest = Math.max(...lengths);
  const row = rowWriter(mask, [longest], longest * elements.length, {});
  lengths.forEach((length, index) =>
    row.write(
      Array.from({ length }, () => 1),
      index * longest,
    ),
  );
  return { datatype: mask.datatype, shape: [elements.length, longest], data: row.data };
}

interface RowWriter {
  readonly data: TensorData;
  write(value: unknown, offset: number): void;
}

/** Writes elements into one array of `length` values, row after row; each row has `shape`. */
function rowWriter(
  input: TensorMetadata,
  shape: readonly number[],
  length: number,
  padding: Padding | undefined,
): RowWriter {
  const fill = padding?.value ?? 0;
  const { data, put } = store(input, length, fill);
  const size = elementsOf(shape);
  const numbers = data instanceof Float32Array || data instanceof Float64Array ? data : undefined;

  const writeFlat = (value: ArrayLike<unknown>, offset: number): void => {
    if (numbers === undefined) {
      for (let index = 0; index < value.length; index += 1) put(offset + index, value[index]);
      return;
    }
    for (let index = 0; index < value.length; index += 1) {
      const number = value[index];
      if (typeof number === 'number') numbers[offset + index] = number;
      else put(offset + index, number);
    }
  };
  const writeNested = (value: unknown, dimension: number, offset: number): void => {
    const length = shape[dimension] ?? 0;
    if (!isArrayValue(value)) throw mismatch(input, 'a ragged array');
    if (value.length > length || (value.length < length && padding === undefined))
      throw mismatch(input, 'a ragged array');
    if (dimension === shape.length - 1) return writeFlat(value, offset);
    const stride = elementsOf(shape.slice(dimension + 1));
    for (let index = 0; index < value.length; index += 1)
      writeNested(value[index], dimension + 1, offset + index * stride);
  };
  const write = (value: unknown, offset: number): void => {
    if (!isArrayValue(value)) {
      if (size !== 1) throw mismatch(input, typeName(value));
      put(offset, value);
    } else if (shape.length > 1 && isArrayValue(value[0])) writeNested(value, 0, offset);
    else if (value.length === size || (padding !== undefined && shape.length === 1 && value.length < size))
      writeFlat(value, offset);
    else throw mismatch(input, `${value.length} values`);
  };
  return { data, write };
}

function store(
  input: TensorMetadata,
  length: number,
  fill: number,
): { data: TensorData; put: (index: number, value: unknown) => void } {
  const { datatype } = input;
  if (datatype === 'BYTES') {
    const strings: string[] = Array.from({ length }, () => '');
    const put = (index: number, value: unknown): void => {
      if (typeof value !== 'string') throw mismatch(input, typeName(value));
      strings[index] = value;
    };
    return { data: strings, put };
  }
  if (datatype === 'INT64' || datatype === 'UINT64') {
    const integers = allocate(datatype, length) as BigInt64Array | BigUint64Array;
    if (fill !== 0) integers.fill(BigInt(fill));
    const put = (index: number, value: unknown): void => {
      const integer = toBigInt(value, datatype);
      if (integer === undefined) throw mismatch(input, unfit(value));
      integers[index] = integer;
    };
    return { data: integers, put };
  }
  return numberStore(input, datatype, length, fill);
}

function numberStore(input: TensorMetadata, datatype: NumericDatatype, length: number, fill: number) {
  const numbers = allocate(datatype, length) as Float64Array;
  if (fill !== 0) numbers.fill(fill);
  const put = (index: number, value: unknown): void => {
    const number = toNumber(value, datatype);
    if (number === undefined) throw mismatch(input, unfit(value));
    numbers[index] = number;
  };
  return { data: numbers, put };
}

function unfit(value: unknown): string {
  if (typeof value === 'string') return 'a string that is not such a number';
  return typeof value === 'number' || typeof value === 'bigint' ? "a number that it can't hold" : typeName(value);
}
