import { describe, expect, test } from 'vitest';
import { sharedFiles } from '../../cdk/shared-files.ts';

const MIB = 1024 * 1024;
const own = [['/a.onnx'], ['/b.onnx', '/a.onnx'], []];

describe('sharedFiles', () => {
  test('gives all pipelines all models while these are small, so that they share one asset', () => {
    const all = ['/a.onnx', '/b.onnx'];
    expect(sharedFiles(own, () => 32 * MIB)).toEqual([all, all, all]);
  });

  test('gives each pipeline its own where they are large', () => {
    expect(sharedFiles(own, () => 32 * MIB + 1)).toEqual(own);
  });
});
