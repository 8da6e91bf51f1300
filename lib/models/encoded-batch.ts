import { deserialize, serialize } from 'node:v8';
import { withinStack } from '../elements/nesting.ts';
import { freeBytes } from '../stores/free-bytes.ts';
import type { Datatype, NamedTensors, Tensor } from './tensor.ts';
import { bytesOfTensor, tensorOfBytes } from './tensor-bytes.ts';

/** A tensor without its values, which travel beside it as raw bytes. */
export interface TensorHeader {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  /** True if it has one value for the whole batch and no row for each element, as every tensor without dimensions. */
  readonly isForAll?: boolean;
}

/**
 * A batch, or its results, on the way between a worker and a model host: packed tensors, one chunk of bytes each, or
 * values by structured clone in a single chunk. `size` is the number of elements; tensors may have more rows than that,
 * where a model fixes its batch.
 */
export type EncodedBatch =
  | {
      readonly kind: 'tensors';
      readonly size: number;
      readonly tensors: readonly TensorHeader[];
      readonly chunks: readonly Uint8Array[];
    }
  | { readonly kind: 'values'; readonly size: number; readonly chunks: readonly Uint8Array[] };

const NONE_FOR_ALL: ReadonlySet<string> = new Set();

/** @param forAll - names of the tensors that have one value for the whole batch. */
export function encodeTensors(
  tensors: NamedTensors,
  size: number,
  forAll: ReadonlySet<string> = NONE_FOR_ALL,
): EncodedBatch {
  const headers: TensorHeader[] = [];
  const chunks: Uint8Array[] = [];
  for (const [name, tensor] of Object.entries(tensors)) {
    const header = { name, datatype: tensor.datatype, shape: tensor.shape };
    headers.push(forAll.has(name) ? { ...header, isForAll: true } : header);
    chunks.push(bytesOfTensor(tensor));
  }
  return { kind: 'tensors', size, tensors: headers, chunks };
}

/** The tensors of a batch; numbers are views on its chunks, which must be aligned. */
export function decodeTensors(batch: EncodedBatch): NamedTensors {
  const tensors: Record<string, Tensor> = {};
  if (batch.kind !== 'tensors') return tensors;
  batch.tensors.forEach(({ name, datatype, shape }, index) => {
    tensors[name] = tensorOfBytes(datatype, shape, batch.chunks[index] ?? new Uint8Array());
  });
  return tensors;
}

/** @throws DataCloneError where a value can't be cloned, a function for one; NestingError where it is nested too deeply. */
export function encodeValues(values: readonly unknown[]): EncodedBatch {
  return { kind: 'values', size: values.length, chunks: [withinStack(() => serialize(values))] };
}

/** @throws NestingError where a value is nested too deeply for this thread: others have larger stacks. */
export function decodeValues(batch: EncodedBatch): readonly unknown[] {
  const [chunk] = batch.chunks;
  return chunk === undefined ? [] : withinStack(() => deserialize(chunk) as unknown[]);
}

/** Returns the number of rows of a batch's tensors, which can exceed its elements; values have one row each. */
export function rowsIn(batch: EncodedBatch): number {
  if (batch.kind !== 'tensors') return batch.size;
  return batch.tensors.find(({ shape, isForAll = false }) => shape.length > 0 && !isForAll)?.shape[0] ?? batch.size;
}

export function byteLengthOf(batch: EncodedBatch): number {
  return batch.chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
}

/** Frees the tensors of a batch. Values may be in use: they can be views on what they came in. */
export function freeBatch(batch: EncodedBatch): void {
  if (batch.kind === 'tensors') batch.chunks.forEach(freeBytes);
}
