import type { DeclaredInputs } from './declared-inputs.ts';
import { elementShape, InputMismatchError, isRecord, mismatch, tensorType } from './element-shape.ts';
import { typeName } from './misfit-message.ts';
import type { Missing } from './missing-values.ts';
import { rowWriter } from './row-writer.ts';
import { checkTensorBytes, type TensorLimit } from './tensor-limit.ts';
import {
  elementDimensions,
  elementsOf,
  isForAll,
  isFree,
  type NamedTensors,
  type Tensor,
  type TensorMetadata,
} from './tensor.ts';

/** Joins elements of different lengths in one batch. */
export interface Padding {
  /** The dimension of the input tensor that is padded to the longest; 0 is the batch, so at least 1. @default 1 */
  readonly axis?: number;
  /** Value of the padding. @default 0 */
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

/** Options for turning elements into tensors. */
export interface CollateOptions extends TensorLimit {
  readonly padding?: Padding | undefined;
  /** @default 'fail' */
  readonly missing?: Missing | undefined;
  /** True if the model's runtime ends text at U+0000: an element with such text fails. @default false */
  readonly endsTextAtNul?: boolean;
  /** Fields of elements that are the model's inputs, for messages. @default elements are the model's own */
  readonly declared?: DeclaredInputs | undefined;
}

/** Inputs that elements have values for, and how these are read. */
export interface InputContext extends CollateOptions {
  readonly inputs: readonly TensorMetadata[];
}

/**
 * Returns the value of an element for one input: a field of that name, or the element itself if the model has one
 * input. A missing value is null or undefined, if it is allowed.
 */
export function inputValue(element: unknown, input: TensorMetadata, context: InputContext): unknown {
  const { inputs } = context;
  if (isRecord(element)) {
    const value = element[input.name];
    if ((value === undefined || value === null) && !canBeMissing(input, context))
      throw new InputMismatchError(missingField(input, inputs, element));
    return value;
  }
  if (inputs.length === 1 && element !== undefined && (element !== null || canBeMissing(input, context)))
    return element;
  throw new InputMismatchError(`an element must be an object with ${names(inputs)}: got ${typeName(element)}`);
}

/** Checks whether an element may omit the value for the input: only a single value can be missing. */
function canBeMissing({ shape }: TensorMetadata, { missing }: InputContext): boolean {
  return missing === 'nan' && shape.slice(1).every((dimension) => dimension === 1);
}

function missingField(input: TensorMetadata, inputs: readonly TensorMetadata[], element: object): string {
  const has = Object.keys(element).slice(0, 8).join(', ');
  const what = Object.hasOwn(element, input.name) ? 'is null' : 'is missing';
  return `an element must have ${names(inputs)}: '${input.name}' ${what}, ${tensorType(input)}; its fields are [${has}]`;
}

function names(inputs: readonly TensorMetadata[]): string {
  return inputs.map((input) => `'${input.name}'`).join(', ');
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
  options: CollateOptions = {},
): NamedTensors {
  const { padding } = options;
  const tensors: Record<string, Tensor> = {};
  const data = padding?.mask === undefined ? inputs : inputs.filter((input) => input.name !== padding.mask);
  const context = { ...options, inputs: data };
  for (const input of data) tensors[input.name] = collateInput(elements, input, context);
  const mask = inputs.find((input) => input.name === padding?.mask);
  if (mask !== undefined) tensors[mask.name] = maskTensor(elements, mask, context);
  return tensors;
}

function collateInput(elements: readonly unknown[], input: TensorMetadata, context: InputContext): Tensor {
  if (isForAll(input)) return tensorForAll(elements, input, context);
  const { padding, missing, endsTextAtNul, declared } = context;
  const dimensions = input.shape.slice(1);
  const fixed = dimensions.every((dimension) => !isFree(dimension));
  const shape = fixed ? dimensions.map(Number) : commonShape(elements, input, context);
  const size = elementsOf(shape);
  const fill = fixed || padding === undefined ? undefined : (padding.value ?? 0);
  const fields = isRecord(declared) ? declared[input.name] : declared;
  const row = rowWriter({ input, shape, rows: elements.length, fill, missing, endsTextAtNul, fields });
  for (let index = 0; index < elements.length; index += 1) {
    try {
      row.write(inputValue(elements[index], input, context), index * size);
    } catch (error) {
      throw blamed(index, error);
    }
  }
  return { datatype: input.datatype, shape: [elements.length, ...shape], data: row.data };
}

function blamed(index: number, error: unknown): unknown {
  return error instanceof InputMismatchError ? new ElementMismatchError(index, error.message) : error;
}

function tensorForAll(elements: readonly unknown[], input: TensorMetadata, context: InputContext): Tensor {
  const { missing, endsTextAtNul } = context;
  try {
    const value = inputValue(elements[0], input, context);
    const shape = shapeOf(elements[0], input, context);
    const row = rowWriter({ input, shape, rows: 1, missing, endsTextAtNul });
    row.write(value, 0);
    return { datatype: input.datatype, shape, data: row.data };
  } catch (error) {
    throw blamed(0, error);
  }
}

/**
 * Returns the dimensions that an element's value has for an input, without the batch dimension.
 *
 * @throws InputMismatchError if the value can't have them, or if they exceed `maxElementTensorBytes`
 */
export function shapeOf(element: unknown, input: TensorMetadata, context: InputContext): number[] {
  const shape = elementShape(inputValue(element, input, context), elementDimensions(input), input);
  checkTensorBytes(input, shape, context);
  return shape;
}

/** The shape that holds every element: theirs, and along the padded axis the longest. */
function commonShape(elements: readonly unknown[], input: TensorMetadata, context: InputContext): number[] {
  const join = { input, padding: context.padding };
  let common: number[] | undefined;
  for (let index = 0; index < elements.length; index += 1) {
    try {
      const shape = shapeOf(elements[index], input, context);
      common = common === undefined ? shape : joinShapes(common, shape, join);
    } catch (error) {
      throw blamed(index, error);
    }
  }
  return common ?? [];
}

interface ShapeJoin {
  readonly input: TensorMetadata;
  readonly padding: Padding | undefined;
}

function joinShapes(common: number[], shape: number[], { input, padding }: ShapeJoin): number[] {
  return common.map((length, dimension) => {
    const own = shape[dimension] ?? 0;
    if (own === length) return length;
    if (padding !== undefined && dimension === (padding.axis ?? 1) - 1) return Math.max(length, own);
    throw mismatch(input, `shape [${shape.join(', ')}] in a batch of [${common.join(', ')}]`);
  });
}

/** Finds the input whose padding the mask shows: the first that is padded. */
function maskedInput(inputs: readonly TensorMetadata[], padding: Padding | undefined): TensorMetadata | undefined {
  return inputs.find((input) => isFree(input.shape[padding?.axis ?? 1])) ?? inputs[0];
}

function maskTensor(elements: readonly unknown[], mask: TensorMetadata, context: InputContext): Tensor {
  const { inputs, padding = {} } = context;
  const axis = (padding.axis ?? 1) - 1;
  const masked = maskedInput(inputs, padding);
  if (masked === undefined) throw new InputMismatchError(`there is no input for mask '${mask.name}' to cover`);
  const lengths = elements.map((element) => shapeOf(element, masked, context)[axis] ?? 0);
  const longest = Math.max(...lengths);
  const row = rowWriter({ input: mask, shape: [longest], rows: elements.length, fill: 0 });
  lengths.forEach((length, index) =>
    row.write(
      Array.from({ length }, () => 1),
      index * longest,
    ),
  );
  return { datatype: mask.datatype, shape: [elements.length, longest], data: row.data };
}
