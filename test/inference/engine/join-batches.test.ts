import { describe, expect, test } from 'vitest';
import { joinBatches } from '../../../lib/inference/engine/join-batches.ts';
import { type EncodedBatch, encodeTensors } from '../../../lib/models/encoded-batch.ts';

/** Rows of one number, and scales that are those of all. */
function batchOf(rows: readonly number[], size = rows.length): EncodedBatch {
  const scales = { datatype: 'FP32', shape: [3], data: new Float32Array([1, 2, 3]) } as const;
  const x = { datatype: 'FP32', shape: [rows.length, 1], data: new Float32Array(rows) } as const;
  return encodeTensors({ scales, x }, size, new Set(['scales']));
}

function numbersOf(groups: readonly (readonly Uint8Array[])[]): readonly (readonly number[])[] {
  return groups.map((group) => {
    const bytes = Buffer.concat(group);
    return Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(index * 4));
  });
}

describe('joinBatches', () => {
  test('puts rows after rows, without those that fill a batch, and keeps one value for all', () => {
    const { frame, groups } = joinBatches([batchOf([1, 1], 1), batchOf([2, 3])]);
    expect(frame.fragments).toEqual([
      { size: 1, rows: 1 },
      { size: 2, rows: 2 },
    ]);
    expect(frame.tensors?.map(({ shape }) => shape)).toEqual([[3], [3, 1]]);
    expect(numbersOf(groups)).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ]);
  });

  test('counts the rows of a single batch by a tensor that has rows', () => {
    expect(joinBatches([batchOf([5, 5], 1)]).frame.fragments).toEqual([{ size: 1, rows: 2 }]);
  });

  test('fills the last of several up to the size that the model fixes', () => {
    const { frame, groups } = joinBatches([batchOf([1]), batchOf([2])], 4);
    expect(frame.fragments.map(({ rows }) => rows)).toEqual([1, 3]);
    expect(numbersOf(groups)[1]).toEqual([1, 2, 2, 2]);
  });
});
