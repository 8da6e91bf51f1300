import { bucketOf } from '../batching/length-buckets.ts';
import { keyForAll } from './batches-within.ts';
import { type CollateOptions, shapeOf } from './collate.ts';
import { inputSelector } from './declared-inputs.ts';
import type { ElementCodec } from './element-codec.ts';
import { decodeTensors, decodeValues, type EncodedBatch, encodeTensors, encodeValues } from './encoded-batch.ts';
import { checkArgs, feedArgs } from './feed-args.ts';
import { filled } from './filled-batch.ts';
import type { TensorRunner } from './handler-capabilities.ts';
import type { InferenceArgs, ModelHandler } from './model-handler.ts';
import { fixedBatchSize } from './onnx-session.ts';
import { type PackedBatches, packedBatches } from './packed-batches.ts';
import { packedInputs } from './packed-inputs.ts';
import { preparedCodec } from './prepared-codec.ts';
import { roughBytes } from './rough-bytes.ts';
import { elementsOf, isForAll, isFree, type NamedTensors, type TensorMetadata, widthOf } from './tensor.ts';
import { rowJson } from './row-json.ts';
import { type RowText, rowText } from './row-text.ts';
import { rowOf } from './tensor-rows.ts';

/** Packs the elements of a batch in a worker, and unpacks its results. */
export interface BatchCodec {
  /** Returns the batch key: only elements with the same key share a batch. @throws if the element can't be in any batch. */
  keyOf(value: unknown): string;
  /** Returns the approximate bytes of the element in a batch. */
  bytesOf(value: unknown): number;
  /** The size at which the model fixes its batches. */
  readonly fixedSize: number | undefined;
  /** Makes the model's element of one with the declared fields. @throws InputMismatchError if a field is absent */
  readonly select: ((element: unknown) => unknown) | undefined;
  /**
   * Prepares an element: what it returns is kept until the element has its result, and is what the other members get.
   * Undefined if they get the element. @throws InputMismatchError if the element does not fit
   */
  readonly prepare: ((element: unknown) => unknown) | undefined;
  /** Reads an element in other threads; `prepare` gets its result. @default `prepare` gets the element */
  readonly load: ((element: unknown) => Promise<unknown>) | undefined;
  /** Returns the weight of an element if `elementSizeFn` is not set. @default 1 */
  readonly weightOf: ((value: unknown) => number) | undefined;
  encode(values: readonly unknown[], options: { readonly minRows: number }): EncodedBatch;
  /**
   * Returns a function from an element's index in the batch to its result.
   *
   * @param elementAt - returns the prepared element at an index, if elements are prepared
   */
  decode(results: EncodedBatch, elementAt?: (index: number) => unknown): (index: number) => unknown;
  /** Returns a function from an element's index to its result as JSON; undefined if only values can be decoded. */
  readonly decodeJson: ((results: EncodedBatch) => (index: number) => string) | undefined;
  /** Writes all results as JSON at once, if that is possible for these. @default it never is */
  rowText?(results: EncodedBatch): RowText | undefined;
  /** Packs elements whose numbers were packed while they were read; undefined if the model needs values. */
  readonly packed: PackedBatches | undefined;
  /** Sizes of padded batches; undefined if elements are not padded. */
  readonly padded: PaddedSizes | undefined;
  /** Arguments that feed the model's inputs; undefined if all arguments go to `runInference` beside the batch. */
  readonly args: ArgInputs | undefined;
}

/** Arguments that feed the inputs of a model where an element does not have them. */
export interface ArgInputs {
  /** @throws InputMismatchError if an argument is not an input of the model. */
  check(args: InferenceArgs): void;
  /** Returns the element with the arguments added. @throws InputMismatchError if one is not an input of the model. */
  feed(value: unknown, args: InferenceArgs): unknown;
  /** Returns the arguments that go to the model beside the batch. @default none */
  beside?(args: InferenceArgs): InferenceArgs | undefined;
}

/** Bytes of padded batches: each element has as many bytes as the largest element of its batch. */
export interface PaddedSizes {
  /** Returns the number of these elements that fit in a batch of `maxBatchBytes`. */
  mostTogether(values: readonly unknown[]): number;
  /** Returns the share of a batch's bytes that is padding, 0 to 1. */
  shareOf(values: readonly unknown[]): number;
}

type PackingOptions = ModelHandler['options'] & Pick<CollateOptions, 'padding' | 'missing' | 'maxElementTensorBytes'>;

/** A handler that packs elements into tensors by the model's inputs. */
interface PackingHandler extends ModelHandler {
  readonly options: PackingOptions;
  collate(batch: readonly unknown[], inputs: readonly TensorMetadata[]): NamedTensors;
}

function packsElements(handler: ModelHandler): handler is PackingHandler {
  return handler.collate !== undefined;
}

/**
 * @param inputs - the model's, as its host or server told them; undefined where elements are not shaped by them.
 * @param elementCodec - the handler's, if it has one
 */
export function batchCodec(
  handler: ModelHandler,
  inputs: readonly TensorMetadata[] | undefined,
  elementCodec?: ElementCodec,
): BatchCodec {
  const { declaredInputs } = handler;
  if (elementCodec !== undefined) {
    // The fields that it reads are not the model's inputs, which are tokens.
    const fields =
      declaredInputs === undefined ? undefined : inputSelector(declaredInputs, undefined, { missing: 'fail' });
    return { ...preparedCodec(handler, elementCodec, fields), select: undefined };
  }
  const { missing } = handler.options as PackingOptions;
  const select = declaredInputs === undefined ? undefined : inputSelector(declaredInputs, inputs, { missing });
  return { ...unselectedCodec(handler, inputs), select, prepare: undefined, load: undefined, weightOf: undefined };
}

type UnselectedCodec = Omit<BatchCodec, 'select' | 'prepare' | 'load' | 'weightOf'>;

function unselectedCodec(handler: ModelHandler, inputs: readonly TensorMetadata[] | undefined): UnselectedCodec {
  if (inputs === undefined || !packsElements(handler)) return valueCodec(handler);
  const { tensorRunner } = handler;
  if (tensorRunner !== undefined) return tensorCodec(handler, tensorRunner, inputs);
  // They are packed where they arrive, so elements of one batch have the same shapes.
  return shapedValueCodec(handler, inputs);
}

function tensorCodec(
  handler: PackingHandler,
  { movesTensors = false }: TensorRunner,
  inputs: readonly TensorMetadata[],
): UnselectedCodec {
  const shaped = shapedBatches(handler, inputs);
  const { fixedSize } = shaped;
  const packed = packedInputs(handler, inputs);
  const forAll = new Set(inputs.flatMap((input) => (isForAll(input) ? input.name : [])));
  return {
    ...shaped,
    encode(values, { minRows }) {
      const rows = fixedSize ?? Math.max(minRows, values.length);
      const batch = encodeTensors(handler.collate(filled(values, rows), inputs), values.length, forAll);
      // Chunks are transferred to another thread, which takes their buffers away from any other user.
      return movesTensors ? batch : { ...batch, chunks: batch.chunks.map((chunk) => chunk.slice()) };
    },
    packed: packed && packedBatches(packed, { handler, shaped, inputs }),
    decode(results) {
      const outputs = decodeTensors(results);
      return (index) => rowOf(outputs, index);
    },
    decodeJson: (results) => rowJson(decodeTensors(results)),
    rowText: (results) => rowText(decodeTensors(results), results.size),
  };
}

function shapedValueCodec(handler: PackingHandler, inputs: readonly TensorMetadata[]): UnselectedCodec {
  const isInput = ([name]: readonly [string, unknown]): boolean => inputs.some((input) => input.name === name);
  return {
    ...valueCodec(handler),
    ...shapedBatches(handler, inputs),
    args: {
      check: () => undefined,
      feed(value, args) {
        const own = Object.entries(args).filter(isInput);
        return own.length === 0 ? value : feedArgs(value, Object.fromEntries(own), inputs);
      },
      beside(args) {
        const others = Object.entries(args).filter((entry) => !isInput(entry));
        return others.length === 0 ? undefined : Object.fromEntries(others);
      },
    },
  };
}

type ShapedBatches = Omit<UnselectedCodec, 'encode' | 'decode' | 'decodeJson' | 'packed'>;

/** Returns the part of a codec that depends on the shapes of elements. */
function shapedBatches(handler: PackingHandler, inputs: readonly TensorMetadata[]): ShapedBatches {
  const fixedSize = fixedBatchSize(inputs);
  const fixedShape = inputs.every((input) => !isForAll(input) && !input.shape.slice(1).some(isFree));
  // If all shapes are the same, no key is needed, but elements of one shape may still differ in length.
  const oneKey = fixedShape && handler.batching.batchBucketBoundaries.length === 0;
  const shapes = inputShapes(handler, inputs);
  const ownKey = handler.batchKey?.bind(handler);
  const fixedBytes = inputs.reduce((sum, input) => sum + rowBytes(input, input.shape.slice(1).map(Number)), 0);
  const textual = inputs.some((input) => input.datatype === 'BYTES');
  return {
    fixedSize,
    // An element that is alone in its batch does not need to match another.
    keyOf: (value) =>
      (oneKey || fixedSize === 1 ? '' : shapes.keyOf(value)) + (ownKey === undefined ? '' : `|${ownKey(value)}`),
    bytesOf: (value) => (fixedShape ? fixedBytes : shapes.bytesOf(value)) + (textual ? roughBytes(value) : 0),
    padded: handler.options.padding === undefined ? undefined : paddedSizes(handler, shapes.tensorBytesOf),
    args: argInputs(inputs.filter(({ name }) => name !== handler.options.padding?.mask)),
  };
}

function argInputs(inputs: readonly TensorMetadata[]): ArgInputs {
  const check = (args: InferenceArgs): void => checkArgs(args, inputs);
  return {
    check,
    feed(value, args) {
      check(args);
      return feedArgs(value, args, inputs);
    },
  };
}

/** @param tensorBytesOf - the bytes of an element in each tensor of the batch. */
function paddedSizes(handler: PackingHandler, tensorBytesOf: (value: unknown) => readonly number[]): PaddedSizes {
  return {
    mostTogether(values) {
      const bytes = paddedBytes(values.map(tensorBytesOf));
      return Math.max(1, Math.floor(handler.batching.maxBatchBytes / bytes));
    },
    shareOf(values) {
      const elements = values.map(tensorBytesOf);
      return 1 - sum(elements.map(sum)) / (paddedBytes(elements) * values.length);
    },
  };
}

/** Returns the bytes of each element once it is padded: in each tensor those of the largest, and at least 1. */
function paddedBytes(elements: readonly (readonly number[])[]): number {
  const largest: number[] = [];
  for (const element of elements) {
    element.forEach((bytes, tensor) => {
      largest[tensor] = Math.max(largest[tensor] ?? 0, bytes);
    });
  }
  return Math.max(1, sum(largest));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** Returns keys and sizes by the shapes of elements. The key has a bucket in place of the length of the padded axis. */
function inputShapes(handler: PackingHandler, inputs: readonly TensorMetadata[]) {
  const { padding, missing, maxElementTensorBytes } = handler.options;
  const { batchBucketBoundaries: boundaries, batchLengthFn } = handler.batching;
  const axis = padding === undefined ? undefined : (padding.axis ?? 1) - 1;
  const data = inputs.filter((input) => input.name !== padding?.mask);
  const limit = maxElementTensorBytes === undefined ? {} : { maxElementTensorBytes };
  const context = { inputs: data, missing, ...limit };
  const keyOf = (value: unknown): string => {
    let key = '';
    let length = 0;
    for (const input of data) {
      if (isForAll(input)) {
        key += keyForAll(value, input, context);
        continue;
      }
      const shape = shapeOf(value, input, context);
      if (axis !== undefined && isFree(input.shape[axis + 1])) {
        length = Math.max(length, shape[axis] ?? 0);
        shape[axis] = -1;
      }
      key += `${shape.join('x')};`;
    }
    if (boundaries.length === 0) return key;
    return `${key}#${bucketOf(batchLengthFn?.(value) ?? length, boundaries)}`;
  };
  const bytesIn = (value: unknown, input: TensorMetadata): number =>
    input.shape.length === 0 ? 0 : rowBytes(input, shapeOf(value, input, context));
  return {
    keyOf,
    bytesOf: (value: unknown): number => sum(data.map((input) => bytesIn(value, input))),
    tensorBytesOf: (value: unknown) => data.map((input) => bytesIn(value, input)),
  };
}

function rowBytes(input: TensorMetadata, shape: readonly number[]): number {
  return elementsOf(shape) * widthOf(input.datatype);
}

function valueCodec(handler: ModelHandler): UnselectedCodec {
  const ownKey = handler.batchKey?.bind(handler);
  const { batchBucketBoundaries: boundaries, batchLengthFn } = handler.batching;
  const bucket =
    boundaries.length === 0 || batchLengthFn === undefined
      ? undefined
      : (value: unknown) => `#${bucketOf(batchLengthFn(value), boundaries)}`;
  return {
    fixedSize: undefined,
    keyOf: (value) => (ownKey?.(value) ?? '') + (bucket?.(value) ?? ''),
    bytesOf: roughBytes,
    encode: (values) => encodeValues(values),
    padded: undefined,
    args: undefined,
    packed: undefined,
    decodeJson: undefined,
    decode(results) {
      const values = decodeValues(results);
      return (index) => values[index];
    },
  };
}
