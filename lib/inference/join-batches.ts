import type { ByteGroup } from '../hosts/frames.ts';
import type { RunRequest } from '../hosts/model-host.ts';
import type { EncodedBatch, TensorHeader } from '../models/encoded-batch.ts';

/** Joins batches of one key into one: rows after rows. Their bytes are not copied. */
export function joinBatches(batches: readonly EncodedBatch[]): Pick<RunRequest, 'frame' | 'groups'> {
  const [first] = batches;
  const fragments = batches.map((batch) => ({ size: batch.size, rows: rowsOf(batch) }));
  if (first?.kind !== 'tensors') {
    return { frame: { fragments }, groups: batches.map((batch) => batch.chunks) };
  }
  const rows = fragments.reduce((sum, fragment) => sum + fragment.rows, 0);
  const tensors: TensorHeader[] = [];
  const groups: ByteGroup[] = [];
  first.tensors.forEach((tensor, index) => {
    const [dimension, ...row] = tensor.shape;
    // A tensor without dimensions is one value for the whole batch, the same in all: it is part of the key.
    const joined = dimension === undefined ? batches.slice(0, 1) : batches;
    tensors.push(dimension === undefined ? tensor : { ...tensor, shape: [rows, ...row] });
    groups.push(joined.flatMap((batch) => batch.chunks[index] ?? []));
  });
  return { frame: { fragments, tensors }, groups };
}

function rowsOf(batch: EncodedBatch): number {
  if (batch.kind !== 'tensors') return batch.size;
  return batch.tensors.find((tensor) => tensor.shape.length > 0)?.shape[0] ?? batch.size;
}
