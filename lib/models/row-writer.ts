import type { DeclaredFields } from './declared-inputs.ts';
import { InputMismatchError, isArrayValue, mismatch } from './element-shape.ts';
import { isMissing, type Missing } from './missing-values.ts';
import { misfitMessage, type MisfitContext, typeName } from './misfit-message.ts';
import { isFloat, toBigInt, toNumber } from './number-parsing.ts';
import { allocate, elementsOf, type NumericDatatype, type TensorData, type TensorMetadata } from './tensor.ts';

export interface RowWriterOptions {
  readonly input: TensorMetadata;
  /** Shape of a row. */
  readonly shape: readonly number[];
  readonly rows: number;
  /** Value that fills rows which are shorter than the shape. @default such a row is refused */
  readonly fill?: number | undefined;
  /** @default 'fail' */
  readonly missing?: Missing | undefined;
  /** True if the model's runtime ends text at U+0000: such text is refused. @default false */
  readonly endsTextAtNul?: boolean | undefined;
  /** Fields that the values of a row come from, for messages. @default the row is one value of the element */
  readonly fields?: DeclaredFields | undefined;
}

export interface RowWriter {
  readonly data: TensorData;
  /** Writes an element's value into the row that starts at `offset`. @throws InputMismatchError if it does not fit */
  write(value: unknown, offset: number): void;
}

/** Writes one value at an index of the tensor's data. */
type Put = (index: number, value: unknown) => void;

interface Store {
  readonly data: TensorData;
  readonly put: Put;
}

/** Writes elements into the data of one tensor, row after row. */
export function rowWriter({ input, shape, rows, fill, fields, ...rules }: RowWriterOptions): RowWriter {
  const size = elementsOf(shape);
  // The row that is being written, for messages: its start, and the dimensions by which its value is indexed.
  let start = 0;
  let indexedBy: readonly number[] = [];
  const context: MisfitContext = { input, missing: rules.missing };
  const misfit = (index: number, value: unknown): Error =>
    new InputMismatchError(
      misfitMessage(value, fieldPlace(index - start, fields) ?? placeOf(index - start, indexedBy), context),
    );
  const { data, put } = store({ input, length: rows * size, fill: fill ?? 0, ...rules }, misfit);
  const writeFlat = flatWriter(data, put, input);

  const writeNested = (value: unknown, dimension: number, offset: number): void => {
    const length = shape[dimension] ?? 0;
    if (!isArrayValue(value)) throw mismatch(input, 'a ragged array');
    if (value.length > length || (value.length < length && fill === undefined)) throw mismatch(input, 'a ragged array');
    if (dimension === shape.length - 1) return writeFlat(value, offset);
    const stride = elementsOf(shape.slice(dimension + 1));
    for (let index = 0; index < value.length; index += 1)
      writeNested(value[index], dimension + 1, offset + index * stride);
  };
  const write = (value: unknown, offset: number): void => {
    start = offset;
    if (!isArrayValue(value)) {
      if (size !== 1) throw mismatch(input, typeName(value));
      indexedBy = [];
      put(offset, value);
    } else if (shape.length > 1 && isArrayValue(value[0])) {
      indexedBy = shape;
      writeNested(value, 0, offset);
    } else if (value.length === size || (fill !== undefined && shape.length === 1 && value.length < size)) {
      indexedBy = FLAT;
      writeFlat(value, offset);
    } else throw mismatch(input, `${value.length} values`);
  };
  return { data, write };
}

const FLAT: readonly number[] = [1];

/** Names the field that a value comes from; undefined if an element's own array holds the value. */
function fieldPlace(index: number, fields: DeclaredFields | undefined): string | undefined {
  if (fields === undefined || typeof fields === 'string') return fields && ` (field '${fields}')`;
  return ` (field '${fields[index]}')`;
}

/** Returns a value's index in an element's own nested or flat array, `[2][0]`; empty for a value outside an array. */
function placeOf(index: number, dimensions: readonly number[]): string {
  let place = '';
  let rest = index;
  for (let dimension = 0; dimension < dimensions.length; dimension += 1) {
    const stride = elementsOf(dimensions.slice(dimension + 1));
    place += `[${Math.floor(rest / stride)}]`;
    rest %= stride;
  }
  return place;
}

type WriteFlat = (value: ArrayLike<unknown>, offset: number) => void;

/**
 * Copies flat values. Any value of a typed array of the tensor's own type fits, but NaN. BOOL is an exception, as its
 * array can hold more than 0 and 1.
 */
function flatWriter(data: TensorData, put: Put, { datatype }: TensorMetadata): WriteFlat {
  const writeValues = valueWriter(data, put);
  if (!ArrayBuffer.isView(data) || datatype === 'BOOL') return writeValues;
  return (value, offset) => {
    if (!ArrayBuffer.isView(value) || value.constructor !== data.constructor) return writeValues(value, offset);
    // Both are of one type, which TypeScript can't know.
    const [from, to] = [value, data] as [Float64Array, Float64Array];
    if (!isFloat(datatype)) to.set(from, offset);
    else if (Number.isNaN(copyFloats(from, to, offset))) putNaNs(value, offset, put);
  };
}

/**
 * Copies numbers and returns their sum, which reads them from memory once. Four sums side by side are faster than one,
 * as no addition waits for the one before.
 */
function copyFloats(from: Float64Array, to: Float64Array, offset: number): number {
  const { length } = from;
  let first = 0;
  let second = 0;
  let third = 0;
  let fourth = 0;
  let index = 0;
  // All indexes are within the arrays; checks would cost more than the rest.
  for (let at = offset; index + 4 <= length; index += 4, at += 4) {
    first += to[at] = from[index] as number;
    second += to[at + 1] = from[index + 1] as number;
    third += to[at + 2] = from[index + 2] as number;
    fourth += to[at + 3] = from[index + 3] as number;
  }
  for (; index < length; index += 1) first += to[offset + index] = from[index] as number;
  return first + second + third + fourth;
}

/**
 * Writes flat values one after another. Numbers for 32-bit and 64-bit floats are stored directly, without a call. Their
 * sum shows whether one of them is NaN, at a third of the cost of comparing each.
 */
function valueWriter(data: TensorData, put: Put): WriteFlat {
  const numbers = data instanceof Float32Array || data instanceof Float64Array ? data : undefined;
  return (value, offset) => {
    if (numbers === undefined) {
      for (let index = 0; index < value.length; index += 1) put(offset + index, value[index]);
      return;
    }
    let sum = 0;
    for (let index = 0; index < value.length; index += 1) {
      const number = value[index];
      if (typeof number === 'number') {
        numbers[offset + index] = number;
        sum += number;
      } else put(offset + index, number);
    }
    if (Number.isNaN(sum)) putNaNs(value, offset, put);
  };
}

/** Lets `put` decide whether NaN is allowed. Infinities of both signs also make their sum NaN. */
function putNaNs(value: ArrayLike<unknown>, offset: number, put: Put): void {
  for (let index = 0; index < value.length; index += 1) {
    if (Number.isNaN(value[index])) put(offset + index, value[index]);
  }
}

interface StoreOptions extends Pick<RowWriterOptions, 'input' | 'missing' | 'endsTextAtNul'> {
  readonly length: number;
  readonly fill: number;
}

type Misfit = (index: number, value: unknown) => Error;

function store(options: StoreOptions, misfit: Misfit): Store {
  const { datatype } = options.input;
  if (datatype === 'BYTES') return textStore(options, misfit);
  if (datatype === 'INT64' || datatype === 'UINT64') return integerStore(datatype, options, misfit);
  return numberStore(datatype, options, misfit);
}

function textStore({ length, missing, endsTextAtNul = false }: StoreOptions, misfit: Misfit): Store {
  const strings: string[] = Array.from({ length }, () => '');
  const put = (index: number, value: unknown): void => {
    if (typeof value === 'string') {
      if (!value.isWellFormed() || (endsTextAtNul && value.includes('\0'))) throw misfit(index, value);
      strings[index] = value;
    } else if (missing !== 'nan' || (value !== null && value !== undefined)) throw misfit(index, value);
  };
  return { data: strings, put };
}

function integerStore(datatype: 'INT64' | 'UINT64', { length, fill }: StoreOptions, misfit: Misfit): Store {
  const integers = allocate(datatype, length) as BigInt64Array | BigUint64Array;
  if (fill !== 0) integers.fill(BigInt(fill));
  const put = (index: number, value: unknown): void => {
    const integer = toBigInt(value, datatype);
    if (integer === undefined) throw misfit(index, value);
    integers[index] = integer;
  };
  return { data: integers, put };
}

function numberStore(datatype: NumericDatatype, { length, fill, missing }: StoreOptions, misfit: Misfit): Store {
  const numbers = allocate(datatype, length) as Float64Array;
  if (fill !== 0) numbers.fill(fill);
  const takesMissing = missing === 'nan' && isFloat(datatype);
  const put = (index: number, value: unknown): void => {
    const number = toNumber(value, datatype);
    if (number === undefined) {
      if (!takesMissing || !isMissing(value)) throw misfit(index, value);
      numbers[index] = NaN;
      return;
    }
    // In text, NaN is explicit; a number that is NaN was computed by a function.
    if (Number.isNaN(number) && typeof value === 'number' && !takesMissing) throw misfit(index, value);
    numbers[index] = number;
  };
  return { data: numbers, put };
}
