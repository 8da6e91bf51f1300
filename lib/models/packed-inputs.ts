import type { NumberInput, NumberRequest, NumberType } from '../formats/numbers/number-request.ts';
import type { NumberRows } from '../formats/numbers/number-rows.ts';
import { type DeclaredInputs, fieldsOfInputs } from './declared-inputs.ts';
import { InputMismatchError } from './element-shape.ts';
import type { ModelHandler } from './model-handler.ts';
import { isFloat } from './number-parsing.ts';
import {
  allocate,
  elementDimensions,
  elementsOf,
  isForAll,
  isFree,
  type NamedTensors,
  type NumericDatatype,
  type Tensor,
  type TensorMetadata,
} from './tensor.ts';

const NUMBER_TYPES: ReadonlySet<string> = new Set(['FP32', 'FP64', 'INT32', 'INT64'] satisfies NumberType[]);

/** An input of a model whose rows are packed while elements are read. */
interface PackedInput {
  readonly input: TensorMetadata & { readonly datatype: NumericDatatype };
  /** Shape of a row. */
  readonly shape: readonly number[];
  readonly size: number;
}

/** Inputs of a model that are packed while elements are read: all of its inputs, each with a row of numbers. */
export interface PackedInputs {
  readonly request: NumberRequest;
  /** An element of zeros: the batch key and the bytes of every packed element are the same as its. */
  readonly sample: Readonly<Record<string, readonly number[]>>;
  readonly inputs: readonly PackedInput[];
}

/**
 * Returns the inputs of a model as they are packed while elements are read; undefined if elements are needed: if the
 * handler measures elements or packs them itself, if an input has no fields or isn't of numbers, or if the shape of its
 * rows depends on the element.
 */
export function packedInputs(handler: ModelHandler, inputs: readonly TensorMetadata[]): PackedInputs | undefined {
  const { batching, tensorRunner } = handler;
  if (tensorRunner?.packsNumbers !== true || handler.batchKey !== undefined) return undefined;
  const { elementSizeFn, batchLengthFn, batchBucketBoundaries } = batching;
  if (elementSizeFn !== undefined || batchLengthFn !== undefined || batchBucketBoundaries.length > 0) return undefined;
  const { padding, missing } = handler.options as { readonly padding?: unknown; readonly missing?: string };
  if (padding !== undefined) return undefined;
  try {
    const declared = fieldsOfInputs(handler.declaredInputs ?? ownNames(inputs), inputs);
    if (declared.length < inputs.length) return undefined;
    const packed = declared.flatMap(({ input, fields }) => packedInput(input, fields) ?? []);
    if (packed.length < declared.length) return undefined;
    const takesMissing = missing === 'nan';
    const numbers = packed.map(({ input, size }, index): NumberInput => {
      const type = input.datatype as NumberType;
      return { type, size, fields: declared[index]?.fields ?? [], takesMissing: takesMissing && isFloat(type) };
    });
    const sample = Object.fromEntries(
      packed.map(({ input, size }) => [input.name, Array.from({ length: size }, () => 0)]),
    );
    return { request: { inputs: numbers }, sample, inputs: packed };
  } catch (error) {
    // It is reported when elements arrive.
    if (error instanceof InputMismatchError) return undefined;
    throw error;
  }
}

/** Returns the fields that elements have if a handler declares none: they have the names of the inputs. */
function ownNames(inputs: readonly TensorMetadata[]): DeclaredInputs {
  return Object.fromEntries(inputs.map(({ name }) => [name, name]));
}

function packedInput(input: TensorMetadata, fields: string | readonly string[]): PackedInput | undefined {
  if (isForAll(input) || !isNumeric(input)) return undefined;
  const dimensions = elementDimensions(input);
  const free = dimensions.filter(isFree).length;
  // A free dimension follows from the number of fields.
  if (free > 0 && (free > 1 || typeof fields === 'string')) return undefined;
  const fixed = elementsOf(dimensions.map((dimension) => (isFree(dimension) ? 1 : Number(dimension))));
  const size = typeof fields === 'string' ? fixed : fields.length;
  if (size === 0) return undefined;
  const shape = dimensions.map((dimension) => (isFree(dimension) ? size / fixed : Number(dimension)));
  return { input, shape, size };
}

function isNumeric(input: TensorMetadata): input is PackedInput['input'] {
  return NUMBER_TYPES.has(input.datatype);
}

/** A packed row of an element. */
export interface PackedRow {
  readonly rows: NumberRows;
  readonly row: number;
}

/**
 * Copies packed rows into the tensors of a batch. Where an element has no packed row, its row is that of the same number
 * among `others`.
 *
 * @param places - the packed row of each row of the batch, or the index of its row in the tensors of `others`
 */
export function tensorsOfRows(
  places: readonly (PackedRow | number)[],
  { inputs }: PackedInputs,
  others: NamedTensors,
): NamedTensors {
  const tensors: Record<string, Tensor> = {};
  inputs.forEach(({ input, shape, size }, index) => {
    const data = allocate(input.datatype, places.length * size) as Float32Array;
    const other = others[input.name]?.data as Float32Array | undefined;
    copyRows(places, { data, size, index, other });
    tensors[input.name] = { datatype: input.datatype, shape: [places.length, ...shape], data };
  });
  return tensors;
}

/** Rows of a block that follow one another. */
export interface RowPiece {
  readonly rows: NumberRows;
  readonly first: number;
  readonly count: number;
}

/** Copies pieces of blocks, one after another, into the tensors of a batch of `count` rows. */
export function tensorsOfPieces(pieces: readonly RowPiece[], count: number, { inputs }: PackedInputs): NamedTensors {
  const tensors: Record<string, Tensor> = {};
  inputs.forEach(({ input, shape, size }, index) => {
    const data = allocate(input.datatype, count * size) as Float32Array;
    let to = 0;
    for (const { rows, first, count: length } of pieces) {
      // All inputs have the type of their tensor.
      const block = rows.data[index] as Float32Array;
      data.set(block.subarray(first * size, (first + length) * size), to);
      to += length * size;
    }
    tensors[input.name] = { datatype: input.datatype, shape: [count, ...shape], data };
  });
  return tensors;
}

interface RowCopy {
  readonly data: Float32Array;
  readonly size: number;
  /** Index of the input. */
  readonly index: number;
  readonly other: Float32Array | undefined;
}

/** Copies rows that follow one another in their block in one piece. */
function copyRows(places: readonly (PackedRow | number)[], { data, size, index, other }: RowCopy): void {
  for (let from = 0; from < places.length;) {
    const place = places[from] as PackedRow | number;
    let to = from + 1;
    if (typeof place === 'number') {
      data.set(other?.subarray(place * size, (place + 1) * size) ?? [], from * size);
    } else {
      const { rows, row } = place;
      while (to < places.length && isNext(places[to], rows, row + to - from)) to += 1;
      // All inputs have the type of their tensor.
      const block = rows.data[index] as Float32Array;
      data.set(block.subarray(row * size, (row + to - from) * size), from * size);
    }
    from = to;
  }
}

function isNext(place: PackedRow | number | undefined, rows: NumberRows, row: number): boolean {
  return typeof place === 'object' && place.rows === rows && place.row === row;
}
