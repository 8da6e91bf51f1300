/** The datatypes of the Open Inference Protocol v2 that onnxruntime-node can hold. */
export type Datatype =
  | 'BOOL'
  | 'UINT8'
  | 'UINT16'
  | 'UINT32'
  | 'UINT64'
  | 'INT8'
  | 'INT16'
  | 'INT32'
  | 'INT64'
  | 'FP16'
  | 'FP32'
  | 'FP64'
  | 'BYTES';

export type TensorData =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float16Array
  | Float32Array
  | Float64Array
  | readonly string[];

/** `data` is row-major and holds as many values as the product of `shape`. BYTES holds strings. */
export interface Tensor {
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

/** Tensors by the names of inputs or outputs. */
export type NamedTensors = Readonly<Record<string, Tensor>>;

/** An input or output of a model. A free dimension is its symbolic name, or -1 where it has none. */
export interface TensorMetadata {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly (number | string)[];
  /** True for an input with one value of its whole shape for all elements of a batch; dimension 0 is not the batch. */
  readonly isForAll?: boolean;
}

/** An output of a model. */
export interface OutputMetadata extends TensorMetadata {
  /** True if all of it belongs to one element, and it has no row for each; batches then have one element. */
  readonly isWhole: boolean;
  /** True if only its number of rows suggests that dimension 0 is the batch: another batch size has to confirm it. */
  readonly isUnproven: boolean;
}

const arrayTypes = {
  BOOL: Uint8Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  FP16: Float16Array,
  FP32: Float32Array,
  FP64: Float64Array,
} as const;

export type NumericDatatype = Exclude<Datatype, 'BYTES'>;
type NumericData = Exclude<TensorData, readonly string[]>;

/** A zeroed array for `length` values of the datatype. */
export function allocate(datatype: NumericDatatype, length: number): NumericData {
  return new arrayTypes[datatype](length);
}

/** The values in `bytes`, without a copy. The bytes must be aligned to the datatype's width. */
export function viewOf(datatype: NumericDatatype, bytes: Uint8Array): NumericData {
  const type = arrayTypes[datatype];
  return new type(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength / type.BYTES_PER_ELEMENT);
}

/** Bytes of one value; BYTES values have no fixed width and count as 0. */
export function widthOf(datatype: Datatype): number {
  return datatype === 'BYTES' ? 0 : arrayTypes[datatype].BYTES_PER_ELEMENT;
}

export function elementsOf(shape: readonly number[]): number {
  let product = 1;
  for (const dimension of shape) product *= dimension;
  return product;
}

/** Checks whether elements of a batch share one value of this input, so that it has no row for each. */
export function isForAll({ isForAll: isShared = false, shape }: TensorMetadata): boolean {
  return isShared || shape.length === 0;
}

/** Returns the dimensions of one element's value. */
export function elementDimensions(input: TensorMetadata): readonly (number | string)[] {
  return isForAll(input) ? input.shape : input.shape.slice(1);
}

export function isFree(dimension: number | string | undefined): boolean {
  return typeof dimension !== 'number' || dimension < 0;
}
