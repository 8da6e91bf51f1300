import type { ByteGroup } from '../../hosts/frames.ts';
import type { RunRequest } from '../../hosts/model-host.ts';
import { type EncodedBatch, rowsIn, type TensorHeader } from '../../models/encoded-batch.ts';
import { elementsOf, widthOf } from '../../models/tensor.ts';

type TensorBatch = Extract<EncodedBatch, { kind: 'tensors' }>;

/** Returns the key that batches must share to be joined: the batch key, and for padded ones the padded length. */
export function joinKey(key: string, batch: EncodedBatch): string {
  if (batch.kind !== 'tensors') return `\n${key}`;
  return `${batch.tensors.map(({ shape }) => shape.slice(1).join('x')).join(';')}\n${key}`;
}

/** The batch key that a {@link joinKey} was made of. */
export function keyOfJoinKey(joined: string): string {
  return joined.slice(joined.indexOf('\n') + 1);
}

/**
 * Joins batches into one: rows after rows. Their bytes are not copied. Of several, the rows that only fill them up are
 * left out, so that the batch has as many rows as elements, or as the model fixes.
 */
export function joinBatches(
  batches: readonly EncodedBatch[],
  fixedSize?: number,
): Pick<RunRequest, 'frame' | 'groups'> {
  const tensorBatches = batches.filter((batch) => batch.kind === 'tensors');
  const [first] = tensorBatches;
  if (first === undefined) {
    const fragments = batches.map(({ size }) => ({ size, rows: size }));
    return { frame: { fragments }, groups: batches.map((batch) => batch.chunks) };
  }
  if (batches.length === 1) {
    const fragments = [{ size: first.size, rows: rowsIn(first) }];
    return { frame: { fragments, tensors: first.tensors }, groups: first.chunks.map((chunk) => [chunk]) };
  }
  return joinTensors(tensorBatches, first, fixedSize);
}

function joinTensors(batches: readonly TensorBatch[], first: TensorBatch, fixedSize = 0) {
  const last = batches.at(-1) ?? first;
  const elements = batches.reduce((sum, { size }) => sum + size, 0);
  const rows = Math.max(elements, fixedSize);
  const tensors: TensorHeader[] = [];
  const groups: ByteGroup[] = [];
  first.tensors.forEach((tensor, index) => {
    const [dimension, ...row] = tensor.shape;
    // One value for the whole batch is the same in all: it is part of the key.
    if (dimension === undefined || tensor.isForAll === true) {
      tensors.push(tensor);
      groups.push(first.chunks.slice(index, index + 1));
      return;
    }
    tensors.push({ ...tensor, shape: [rows, ...row] });
    const filling = Array.from({ length: rows - elements }, () =>
      rowsBytes(last, index, { start: last.size - 1, end: last.size }),
    );
    groups.push([...batches.map((batch) => rowsBytes(batch, index, { start: 0, end: batch.size })), ...filling]);
  });
  const fragments = batches.map((batch) => ({
    size: batch.size,
    rows: batch === last ? batch.size + rows - elements : batch.size,
  }));
  return { frame: { fragments, tensors }, groups };
}

/** Rows `[start, end)` of a tensor. */
interface RowRange {
  readonly start: number;
  readonly end: number;
}

/** Returns the bytes of rows of a batch's tensor. */
function rowsBytes({ tensors, chunks }: TensorBatch, index: number, { start, end }: RowRange): Uint8Array {
  const tensor = tensors[index];
  const bytes = chunks[index];
  if (tensor === undefined || bytes === undefined) return new Uint8Array();
  const values = elementsOf(tensor.shape.slice(1));
  if (tensor.datatype === 'BYTES')
    return bytes.subarray(endOfStrings(bytes, start * values), endOfStrings(bytes, end * values));
  const width = values * widthOf(tensor.datatype);
  return bytes.subarray(start * width, end * width);
}

/** Returns the end of the first `count` strings, each encoded as its length and its bytes. */
function endOfStrings(bytes: Uint8Array, count: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = 0;
  for (let string = 0; string < count; string += 1) end += 4 + view.getUint32(end, true);
  return end;
}
