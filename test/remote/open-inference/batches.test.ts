import { describe, expect, test } from 'vitest';
import { type BatchCodec, batchCodec } from '../../../lib/models/batch-codec.ts';
import { OnnxModelHandler } from '../../../lib/models/onnx-model-handler.ts';
import type { TensorMetadata } from '../../../lib/models/tensor.ts';
import { handlerOf, type Options } from './ask.ts';

const TOKENS: readonly TensorMetadata[] = [{ name: 'tokens', datatype: 'INT64', shape: [-1, -1] }];
const FIXED: readonly TensorMetadata[] = [{ name: 'x', datatype: 'FP32', shape: [4, 3] }];
const TWO: readonly TensorMetadata[] = [
  { name: 'a', datatype: 'FP32', shape: [-1, 2] },
  { name: 'b', datatype: 'INT64', shape: [-1] },
];

function codecOf(inputs: readonly TensorMetadata[] | undefined, options: Options = {}): BatchCodec {
  return batchCodec(handlerOf('http://a.b', 'm', options), inputs);
}

describe('batches for a server', () => {
  test('have elements of one shape, like those of a local model', () => {
    const local = batchCodec(new OnnxModelHandler({ modelUri: 'm.onnx' }), TOKENS);
    const codec = codecOf(TOKENS);
    for (const tokens of [[1], [1, 2], [3, 4], [1, 2, 3]]) {
      expect(codec.keyOf({ tokens })).toBe(local.keyOf({ tokens }));
      expect(codec.bytesOf({ tokens })).toBe(8 * tokens.length);
    }
    expect(codec.keyOf({ tokens: [1, 2] })).toBe(codec.keyOf([3, 4]));
    expect(codec.keyOf([1, 2])).not.toBe(codec.keyOf([1, 2, 3]));
    expect(() => codec.keyOf([[1], [2]].map((row) => [row]))).toThrow("input 'tokens' must be INT64 of shape [-1, -1]");
  });

  test('are of the size that the server fixes', () => {
    expect(codecOf(FIXED).fixedSize).toBe(4);
    expect(codecOf(TOKENS).fixedSize).toBeUndefined();
  });

  test('take the bytes of their longest element for each where they are padded', () => {
    const codec = codecOf(TOKENS, { padding: {}, maxBatchBytes: 80 });
    expect(codec.keyOf([1, 2])).toBe(codec.keyOf([1, 2, 3]));
    expect(codec.padded?.mostTogether([[1], [1, 2, 3, 4, 5]])).toBe(2);
    expect(codec.padded?.shareOf([[1], [1, 2, 3]])).toBeCloseTo(1 / 3);
  });

  test('take in each padded input the bytes of the element that is longest there, and none of the mask', () => {
    const pair: readonly TensorMetadata[] = ['a', 'b'].map((name) => ({ name, datatype: 'FP32', shape: [-1, -1] }));
    const elements = [
      { a: Array.from({ length: 100 }, () => 1), b: [1] },
      { a: [1], b: Array.from({ length: 100 }, () => 1) },
    ];
    const padded = (inputs: readonly TensorMetadata[], mask?: string): number | undefined =>
      codecOf(inputs, { padding: mask === undefined ? {} : { mask }, maxBatchBytes: 8000 }).padded?.mostTogether(
        elements,
      );
    expect(padded(pair)).toBe(10);
    expect(padded([...pair, { name: 'm', datatype: 'INT64', shape: [-1, -1] }], 'm')).toBe(10);
  });

  test('are sent as values, one row per element', () => {
    const codec = codecOf(FIXED);
    const encoded = codec.encode([{ x: [1, 2, 3], id: 7n }], { minRows: 2 });
    expect(encoded).toMatchObject({ kind: 'values', size: 1 });
    expect(codec.decode(encoded)(0)).toEqual({ x: [1, 2, 3], id: 7n });
  });

  test('have the arguments that are inputs in their elements, and the others beside them', () => {
    const { args } = codecOf(TWO);
    expect(() => args?.check({ seed: 1 })).not.toThrow();
    expect(args?.feed([1, 2], { b: 3, seed: 1 })).toEqual({ a: [1, 2], b: 3 });
    expect(args?.feed([1, 2], { seed: 1 })).toEqual([1, 2]);
    expect(args?.beside?.({ b: 3, seed: 1 })).toEqual({ seed: 1 });
    expect(args?.beside?.({ b: 3 })).toBeUndefined();
  });

  test('have elements of any shape if the inputs are unknown', () => {
    expect(codecOf(undefined).keyOf('x')).toBe(codecOf(undefined).keyOf([1]));
  });
});
