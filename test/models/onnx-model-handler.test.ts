import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { ElementMismatchError } from '../../lib/models/collate.ts';
import { infer } from './model-files.ts';
import { elementsWith, EXTREMES, EXTREMES_OUT } from './onnx-values.ts';

describe('OnnxModelHandler', () => {
  test('takes and gives every datatype at the ends of its range', async () => {
    const others = { ...EXTREMES, i8: 127, i64: -(2n ** 63n), u64: 0n, flag: false, text: '' };
    const results = await infer('dtypes.onnx', [EXTREMES, others]);
    expect(results[0]).toEqual(EXTREMES_OUT);
    expect(results[1]).toMatchObject({ i8_out: 127, i64_out: -(2n ** 63n), u64_out: 0, flag_out: false, text_out: '' });
  });

  test('gives a 64-bit integer as a number up to 2^53, and as a bigint past it', async () => {
    const i64 = [2 ** 53 - 1, 2n ** 53n, -(2n ** 53n) + 1n, '9007199254740993', '-42', '5.0', 1e3];
    const results = await infer('dtypes.onnx', elementsWith('i64', i64));
    expect(results.map((result) => result['i64_out'])).toEqual([
      2 ** 53 - 1,
      2n ** 53n,
      -(2 ** 53) + 1,
      9_007_199_254_740_993n,
      -42,
      5,
      1000,
    ]);
  });

  test('takes NaN, infinities and numbers that float16 rounds as float16 has them', async () => {
    const [first, second] = await infer('dtypes.onnx', [
      { ...EXTREMES, f16: ['NaN', -Infinity] },
      { ...EXTREMES, f16: new Float16Array([0.1, 2 ** -24]) },
    ]);
    expect(first?.['f16_out']).toEqual([Number.NaN, -Infinity]);
    expect(second?.['f16_out']).toEqual([Math.f16round(0.1), 2 ** -24]);
  });

  test('takes a bool as true, false, 1 or 0', async () => {
    const flags = [true, false, 1, 0, '1', '0', 'True', 'False', 'true', 'false', 'TRUE', 'FALSE', ' 1.0 '];
    const results = await infer('dtypes.onnx', elementsWith('flag', flags));
    const pairs = Array.from({ length: 12 }, (_, index) => index % 2 === 0);
    expect(results.map((result) => result['flag_out'])).toEqual([...pairs, true]);
  });

  const refused: readonly (readonly [name: string, value: unknown, message: string])[] = [
    ['i8', 128, "'i8' must be INT8: got a number that it can't hold"],
    ['u8', -1, "'u8' must be UINT8: got a number that it can't hold"],
    ['u16', 65_536, "'u16' must be UINT16: got a number that it can't hold"],
    ['i32', 1.5, "'i32' must be INT32: got a number that it can't hold"],
    ['u32', Number.NaN, "'u32' must be UINT32: got NaN"],
    ['i64', 2 ** 53, "'i64' must be INT64: got a number that it can't hold"],
    ['i64', 2n ** 63n, "'i64' must be INT64: got a number that it can't hold"],
    ['u64', -1n, "'u64' must be UINT64: got a number that it can't hold"],
    ['u64', '18446744073709551616', "'u64' must be UINT64: got text that is not such a number"],
    ['flag', 2, "'flag' must be BOOL: got a number that it can't hold"],
    ['flag', 'yes', "'flag' must be BOOL: got text that is not true, false, 1 or 0"],
    ['i8', true, "'i8' must be INT8: got a boolean"],
    ['i8', 'True', "'i8' must be INT8: got a truth value as text"],
    ['i8', '', "'i8' must be INT8: got empty text"],
    ['f64', ['', 1], "'f64'[0] must be FP64: got empty text; missing: 'nan' reads it as NaN"],
    ['f64', ['n/a', 1], "'f64'[0] must be FP64: got a word for a missing value; missing: 'nan' reads it as NaN"],
    ['f64', [1, '0x10'], "'f64'[1] must be FP64: got text that is not such a number"],
    ['f64', [1, '1,049.41'], "'f64'[1] must be FP64: got text that is not such a number"],
    ['f64', [1, '1_000'], "'f64'[1] must be FP64: got text that is not such a number"],
    ['f64', [null, 1], "'f64'[0] must be FP64: got null; missing: 'nan' reads it as NaN"],
    ['f64', [[1], 2], "'f64'[0] must be FP64: got an array"],
    ['f64', [1, 2, 3], "'f64' must be FP64 of shape [N, 2], the first being the batch: got 3 values"],
    ['f64', 1, "'f64' must be FP64 of shape [N, 2], the first being the batch: got a number"],
    ['i8', [1, 2], "'i8' must be INT8 of shape [N], the first being the batch: got 2 values"],
    ['i8', { value: 1 }, "'i8' must be INT8: got an object"],
    ['text', 5, "'text' must be BYTES: got a number"],
    ['text', 'a\0b', "'text' contains U+0000, where onnxruntime would end the text: remove it"],
  ];
  test.each(refused.map((row) => [row[0], inspect(row[1]), row] as const))(
    'refuses %s = %s, naming the input, what it takes and what it got',
    async (_name, _value, [name, value, message]) => {
      const elements = [EXTREMES, { ...EXTREMES, [name]: value }];
      await expect(infer('dtypes.onnx', elements)).rejects.toMatchObject({
        name: 'InputMismatchError',
        message: `input ${message}`,
        index: 1,
      });
    },
  );

  test('never puts an element into a message', async () => {
    const secret = { ...EXTREMES, f64: ['s3cret', 1] };
    await expect(infer('dtypes.onnx', [secret])).rejects.not.toThrow(/s3cret/);
  });

  test('names the input that an element lacks, what it takes, and the fields there are', async () => {
    await expect(infer('two-inputs.onnx', [{ a: [1, 2], c: 3 }])).rejects.toThrow(
      "an element must have 'a', 'b': 'b' is missing, INT64 of shape [N]; its fields are [a, c]",
    );
  });

  test('refuses a bare array for a model of two inputs, naming both', async () => {
    await expect(infer('two-inputs.onnx', [[1, 2]])).rejects.toThrow(
      "an element must be an object with 'a', 'b': got an array",
    );
  });

  test('ignores fields that no input has', async () => {
    expect(await infer('double.onnx', [{ id: 'a', x: [1, 2, 3], label: null }])).toEqual([{ y: [2, 4, 6] }]);
  });

  test('takes nested arrays, flat ones, typed ones and numeric strings alike', async () => {
    const results = await infer('double.onnx', [
      { x: [1, 2, 3] },
      [1, 2, 3],
      new Float32Array([1, 2, 3]),
      new Int32Array([1, 2, 3]),
      new BigInt64Array([1n, 2n, 3n]),
      { x: ['1', ' 2.0 ', '3e0'] },
    ]);
    expect(results).toEqual(Array.from({ length: 6 }, () => ({ y: [2, 4, 6] })));
  });

  test('takes an image tensor nested, flat or typed', async () => {
    const flat = Array.from({ length: 3 * 32 * 32 }, (_, index) => (index % 7) / 7);
    const nested = Array.from({ length: 3 }, (_, channel) =>
      Array.from({ length: 32 }, (_, row) => flat.slice((channel * 32 + row) * 32, (channel * 32 + row + 1) * 32)),
    );
    const [first, ...others] = await infer('conv.onnx', [nested, flat, new Float64Array(flat)]);
    expect(first?.['y']).toHaveLength(10);
    expect(others).toEqual([first, first]);
  });

  test('refuses a ragged array', async () => {
    const ragged = Array.from({ length: 3 }, () => Array.from({ length: 32 }, (_, row) => Array(row).fill(0)));
    await expect(infer('conv.onnx', [ragged])).rejects.toThrow("input 'x' must be FP32 of shape [N, 3, 32, 32]");
  });

  test('blames the element whose shape is not that of the batch', async () => {
    const error = await infer('identity.onnx', [[1, 2], [3, 4], [5]]).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(ElementMismatchError);
    expect(error).toMatchObject({ index: 2, message: expect.stringContaining('got shape [1] in a batch of [2]') });
  });

  test('gives each element its row of each output: an array, or a scalar where the row is one', async () => {
    const elements = [
      { a: [1, 2], b: 10 },
      { a: [3, 4], b: '20' },
    ];
    expect(await infer('two-inputs.onnx', elements)).toEqual([
      { sum: [11, 12], count: 11 },
      { sum: [23, 24], count: 21 },
    ]);
  });

  test('gives an empty row for an empty element', async () => {
    expect(await infer('identity.onnx', [[], []])).toEqual([{ y: [] }, { y: [] }]);
  });

  test('fills a short batch of a model that fixes its batches, and gives only the rows that were asked for', async () => {
    expect(await infer('fixed-batch.onnx', [[1, 2, 3]])).toEqual([{ y: [2, 3, 4] }]);
  });

  test('takes one value for the batch where an input has no dimensions', async () => {
    const elements = [
      { x: [1, 2], factor: 3 },
      { x: [4, 5], factor: 3 },
    ];
    expect(await infer('scalar-input.onnx', elements)).toEqual([{ y: [3, 6] }, { y: [12, 15] }]);
  });

  test('pads elements to the longest, and says in the mask which values are theirs', async () => {
    const elements = [{ tokens: [1, 2, 3] }, { tokens: [5] }];
    expect(await infer('sequence.onnx', elements, { padding: { mask: 'mask' } })).toEqual([{ mean: 2 }, { mean: 5 }]);
    const padded = await infer('identity.onnx', [[1, 2], [5]], { padding: { value: -1 } });
    expect(padded).toEqual([{ y: [1, 2] }, { y: [5, -1] }]);
  });

  test('gives each element of a batch the value of an input that they share', async () => {
    const elements = [
      { x: [1, 2], scales: [1, 1, 2] },
      { x: [3, 4], scales: [1, 1, 2] },
    ];
    expect(await infer('scales.onnx', elements)).toEqual([{ y: [12] }, { y: [28] }]);
  });

  test('runs by themselves elements of a batch that do not share a value, and no more than the model takes', async () => {
    const elements = [1, 2, 1, 3, 2].map((factor, n) => ({ x: [n, 1], factor }));
    expect(await infer('scalar-input.onnx', elements)).toEqual(
      elements.map(({ factor }, n) => ({ y: [n * factor, factor] })),
    );
    const bad = [...elements, { x: [1], factor: 2 }];
    await expect(infer('scalar-input.onnx', bad)).rejects.toMatchObject({ name: 'InputMismatchError', index: 5 });
    const six = Array.from({ length: 6 }, (_, n) => [n, 0, 0]);
    expect(await infer('fixed-batch.onnx', six)).toEqual(six.map(([n = 0]) => ({ y: [n + 1, 1, 1] })));
    expect(
      await infer('detections-of-one.onnx', [
        [1, 0, 0, 0],
        [0, 0, 0, 0],
      ]),
    ).toMatchObject([{ dets: [[0, 1]] }, { dets: [] }]);
  });

  test('loads a model whose weights are in a file of their own', async () => {
    const [result] = await infer('external.onnx', [[0, 0, 0, 0, 0, 0, 0, 0]]);
    expect(result).toEqual({ y: [0, 0, 0, 0, 0, 0, 0, 0] });
  });
});
