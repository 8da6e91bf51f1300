import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { ModelLoadError } from '../../lib/errors.ts';
import { ElementMismatchError } from '../../lib/models/collate.ts';
import { OnnxModelHandler } from '../../lib/models/onnx-model-handler.ts';
import type { OnnxModel } from '../../lib/models/onnx-session.ts';
import type { NamedTensors, TensorMetadata } from '../../lib/models/tensor.ts';
import { infer, modelFile, modelFolder } from './model-files.ts';

const EXTREMES = {
  f16: [1.5, 65_504],
  f64: [0.1, 1e300],
  i8: -128,
  u8: 255,
  i16: -32_768,
  u16: 65_535,
  i32: -2_147_483_648,
  u32: 4_294_967_295,
  i64: 9_007_199_254_740_993n,
  u64: 18_446_744_073_709_551_615n,
  flag: true,
  text: 'héllo',
};
const EXTREMES_OUT = Object.fromEntries(Object.entries(EXTREMES).map(([name, value]) => [`${name}_out`, value]));

/** The elements that differ from the first one in a field alone. */
function elementsWith(name: string, values: readonly unknown[]): readonly unknown[] {
  return values.map((value) => Object.assign({}, EXTREMES, { [name]: value }));
}

function load(name: string, outputNames?: readonly string[]): Promise<OnnxModel> {
  const options = outputNames === undefined ? {} : { outputNames };
  return new OnnxModelHandler({ modelUri: modelFile(name), ...options }).loadModel();
}

/** The path that a modelUri means in a config. */
function pathIn(modelUri: string): string {
  const handler = new OnnxModelHandler({ modelUri });
  handler.resolvePaths(new URL('file:///configs/deep/fabric.config.ts'));
  return handler.modelPath;
}

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

  test('counts the rows of outputs, and refuses those that are not as many as the elements', async () => {
    const elements = [
      [1, 2],
      [3, 4],
    ];
    expect(await infer('made-up-names.onnx', elements, { outputNames: ['y'] })).toEqual([{ y: [2, 4] }, { y: [6, 8] }]);
    await expect(infer('made-up-names.onnx', elements)).rejects.toMatchObject({
      name: 'ResultCountError',
      message: expect.stringContaining("output 'twice' has shape [4, 2] for a batch of 2"),
    });
    expect(await infer('unranked.onnx', elements, { outputNames: ['y'] })).toEqual(elements.map((y) => ({ y })));
    await expect(infer('unranked.onnx', elements)).rejects.toThrow("output 'total' has shape [] for a batch of 2");
    expect(await infer('unranked.onnx', [[1, 2]])).toEqual([{ y: [1, 2], total: 3 }]);
    const declared = { outputNames: ['dets'], batchDimension: true };
    await expect(
      infer(
        'detections.onnx',
        [
          [1, 1, 0, 0],
          [0, 0, 0, 0],
          [0, 0, 0, 0],
        ],
        declared,
      ),
    ).rejects.toThrow("output 'dets' has shape [2, 2] for a batch of 3");
  });

  test('trusts no number of rows that a batch of another size does not have', async () => {
    const handler = new OnnxModelHandler({ modelUri: modelFile('turned.onnx') });
    const model = await handler.loadModel();
    const twoOfTwo = [
      [1, 2],
      [3, 4],
    ];
    await expect(handler.runInference(twoOfTwo, model)).rejects.toThrow("output 'y' has shape [2, 1] for one element");
    await expect(
      handler.runInference(
        [
          [1, 2, 3],
          [4, 5, 6],
        ],
        model,
      ),
    ).rejects.toThrow('has shape [3, 2] for a batch of 2');
    const proven = await new OnnxModelHandler({
      modelUri: modelFile('made-up-names.onnx'),
      outputNames: ['y'],
    }).loadModel();
    await handler.runInference(twoOfTwo, proven);
    expect([...proven.proven]).toEqual(['2']);
  });

  test('gives the whole outputs of a batch of one that have no row for each element', async () => {
    const [found] = await infer('detections.onnx', [[1, 0, 0.75, 0]], { maxBatchSize: 1 });
    expect(found).toEqual({
      dets: [
        [0, 1],
        [0, 0.75],
      ],
      scores: [-1, -0, -0.75, -0],
    });
    await expect(
      infer(
        'detections.onnx',
        [
          [1, 0, 0, 0],
          [1, 0, 0, 0],
        ],
        { maxBatchSize: 1 },
      ),
    ).rejects.toThrow("output 'dets' has shape [2, 2] for a batch of 2");
  });

  test('runs a model without a batch dimension: a value has all dimensions, and outputs are whole', async () => {
    const [found] = await infer('no-batch.onnx', [[1, 0, 0, 0]]);
    expect(found?.['y']).toHaveLength(2);
    expect(await infer('no-batch.onnx', [{ x: [1, 0, 0, 0] }], { batchDimension: false })).toEqual([found]);
    await expect(infer('no-batch.onnx', [5])).rejects.toThrow(
      "input 'x' must be FP32 of shape [4]: got a single value",
    );
    const all = await infer(
      'double.onnx',
      [
        [
          [1, 2, 3],
          [4, 5, 6],
        ],
      ],
      { batchDimension: false },
    );
    expect(all).toEqual([
      {
        y: [
          [2, 4, 6],
          [8, 10, 12],
        ],
      },
    ]);
    const scalar = { x: [[1, 2]], factor: 3 };
    expect(await infer('scalar-input.onnx', [scalar], { batchDimension: false })).toEqual([{ y: [[3, 6]] }]);
  });

  test('gives only the outputs that outputNames chooses', async () => {
    const results = await infer('two-inputs.onnx', [{ a: [1, 2], b: 10 }], { outputNames: ['count'] });
    expect(results).toEqual([{ count: 11 }]);
  });

  test('loads a model whose weights are in a file of their own', async () => {
    const [result] = await infer('external.onnx', [[0, 0, 0, 0, 0, 0, 0, 0]]);
    expect(result).toEqual({ y: [0, 0, 0, 0, 0, 0, 0, 0] });
  });
});

describe('OnnxModelHandler.loadModel', () => {
  test('refuses an output that is not a tensor, with the advice to leave it out', async () => {
    await expect(load('zipmap.onnx')).rejects.toThrow(
      "output 'output_probability' is not a tensor: leave it out by naming the others in 'outputNames'",
    );
  });

  test('takes the advice', async () => {
    const [result] = await infer('zipmap.onnx', [[5.1, 3.5, 1.4, 0.2]], { outputNames: ['output_label'] });
    expect(result).toEqual({ output_label: expect.any(Number) });
  });

  test('refuses an output that has no row for each element, with the advice to leave it out', async () => {
    await expect(load('bad-output.onnx')).rejects.toThrow(
      "output 'total' has dimension 0 fixed at 1, so it has no row for each element: leave it out by naming the others in 'outputNames'",
    );
    expect(await infer('bad-output.onnx', [[1, 2]], { outputNames: ['y'] })).toEqual([{ y: [1, 2] }]);
  });

  test('refuses an output whose length depends on values, with what helps', async () => {
    await expect(load('detections.onnx')).rejects.toThrow(
      "output 'dets' has a dimension 0 'num_dets' whose length depends on the values of the elements, so it has no row for each element: leave it out by naming the others in 'outputNames', or set 'maxBatchSize: 1' for each element to have the whole output",
    );
    expect(await infer('detections.onnx', [[1, 0, 0, 0]], { outputNames: ['scores'] })).toHaveLength(1);
  });

  test('names a type that onnxruntime-node does not have, and the output that has it', async () => {
    await expect(load('bfloat16.onnx')).rejects.toThrow(
      "output 'y' is of type bfloat16, which onnxruntime-node can't read: convert it to float32 in the model (Cast)",
    );
  });

  test('names the outputs there are where outputNames has another', async () => {
    await expect(load('two-inputs.onnx', ['sum', 'total'])).rejects.toThrow(
      "'outputNames' has 'total': the model's outputs are sum, count",
    );
  });

  test.each(['zipmap.onnx', 'bad-output.onnx', 'corrupt.onnx', 'missing.onnx'])(
    'names the file where %s is refused',
    async (name) => {
      const error = await load(name).catch((error: unknown) => error);
      expect(error).toBeInstanceOf(ModelLoadError);
      expect((error as ModelLoadError).message).toContain(modelFile(name));
    },
  );

  test('refuses a model whose external data is missing', async () => {
    const folder = await modelFolder('external.onnx');
    const handler = new OnnxModelHandler({ modelUri: join(folder, 'external.onnx') });
    await expect(handler.loadModel()).rejects.toThrow(ModelLoadError);
  });

  test('refuses an empty file', async () => {
    const path = join(await modelFolder(), 'empty.onnx');
    await writeFile(path, '');
    await expect(new OnnxModelHandler({ modelUri: path }).loadModel()).rejects.toThrow(ModelLoadError);
  });
});

describe('OnnxModelHandler options', () => {
  test.each([[undefined], [''], [5]])('refuses the modelUri %j', (modelUri) => {
    expect(() => new OnnxModelHandler({ modelUri: modelUri as string })).toThrow(TypeError);
  });

  test.each([
    [{ batchDimension: 0 }, "'batchDimension' must be true or false: current value is 0"],
    [{ maxElementTensorBytes: 0 }, "'maxElementTensorBytes' must be a positive integer: current value is 0"],
    [{ batchDimension: false, padding: {} }, "'padding' must be left out with 'batchDimension: false'"],
  ])('refuses %j', (options, message) => {
    expect(() => new OnnxModelHandler({ modelUri: 'a.onnx', ...(options as { batchDimension: boolean }) })).toThrow(
      message,
    );
  });

  test('refuses another word for missing values', () => {
    expect(() => new OnnxModelHandler({ modelUri: 'a.onnx', missing: 'NaN' as 'nan' })).toThrow(
      new TypeError("Cannot create OnnxModelHandler as 'missing' must be 'nan' or 'fail': current value is NaN"),
    );
  });

  test.each([[0], [-1], [1.5]])('refuses the padding axis %j', (axis) => {
    expect(() => new OnnxModelHandler({ modelUri: 'a.onnx', padding: { axis } })).toThrow(RangeError);
  });

  test.each([
    [{ modelCopies: 0 }, "'modelCopies' must be a positive integer: current value is 0"],
    [{ modelCopies: 1.5 }, "'modelCopies' must be a positive integer: current value is 1.5"],
    [{ modelCopies: 2, largeModel: true }, "'modelCopies' must be 1 where 'largeModel' is set: current value is 2"],
    [{ minBatchSize: 8, maxBatchSize: 4 }, "'minBatchSize' must be at most 'maxBatchSize' (4): current value is 8"],
  ])('refuses %j', (options, message) => {
    expect(() => new OnnxModelHandler({ modelUri: 'a.onnx', ...options })).toThrow(message);
  });

  test('resolves a relative modelUri against the config, and leaves an absolute path or a file URL as it is', () => {
    expect(pathIn('models/a.onnx')).toBe('/configs/deep/models/a.onnx');
    expect(pathIn('../a b.onnx')).toBe('/configs/a b.onnx');
    expect(pathIn('/models/a.onnx')).toBe('/models/a.onnx');
    expect(pathIn(pathToFileURL('/models/a b.onnx').href)).toBe('/models/a b.onnx');
  });
});

describe('a subclass of OnnxModelHandler', () => {
  class FromText extends OnnxModelHandler<string> {
    override collate(batch: readonly string[], inputs: readonly TensorMetadata[]): NamedTensors {
      return super.collate(batch.map((text) => text.split(' ')) as never, inputs);
    }
  }
  class Largest extends OnnxModelHandler<readonly number[], number> {
    override async runInference(batch: readonly (readonly number[])[], model: OnnxModel): Promise<readonly number[]> {
      // What the class itself gives are rows by output name.
      const rows = (await super.runInference(batch, model)) as unknown as readonly { readonly y: number[] }[];
      return rows.map(({ y }) => Math.max(...y));
    }
  }

  test('may make tensors of elements of its own in collate', async () => {
    const handler = new FromText({ modelUri: modelFile('double.onnx') });
    expect(await handler.runInference(['1 2 3', '4 5 6'], await handler.loadModel())).toEqual([
      { y: [2, 4, 6] },
      { y: [8, 10, 12] },
    ]);
  });

  test('has the rows counted that super.runInference gives', async () => {
    const handler = new Largest({ modelUri: modelFile('made-up-names.onnx') });
    const model = await handler.loadModel();
    await expect(handler.runInference([[1, 3]], model)).rejects.toMatchObject({ name: 'ResultCountError' });
  });

  test('fails for text with U+0000 that its collate packs, as the model would get only the text before it', async () => {
    class Verbatim extends OnnxModelHandler {
      override collate(batch: readonly unknown[], inputs: readonly TensorMetadata[]): NamedTensors {
        const text = { datatype: 'BYTES', shape: [batch.length], data: batch.map(() => 'a\0b') } as const;
        return { ...super.collate(batch, inputs), text };
      }
    }
    const handler = new Verbatim({ modelUri: modelFile('dtypes.onnx') });
    await expect(handler.runInference([EXTREMES], await handler.loadModel())).rejects.toThrow(
      "input 'text' contains U+0000",
    );
  });

  test('may go on from what super.runInference gives', async () => {
    const handler = new Largest({ modelUri: modelFile('double.onnx') });
    expect(await handler.runInference([[1, 3, 2]], await handler.loadModel())).toEqual([6]);
  });
});

describe('where an OnnxModelHandler finds its model', () => {
  test('is where a pointer points', async () => {
    const folder = await modelFolder('mlp.onnx');
    await writeFile(join(folder, 'current.json'), '{"modelUri":"mlp.onnx"}');
    const handler = new OnnxModelHandler({ modelUri: join(folder, 'current.json') });
    expect(await handler.localPath()).toBe(join(folder, 'mlp.onnx'));
    handler.modelFiles.useLocalPath(modelFile('wide.onnx'));
    expect(await handler.localPath()).toBe(modelFile('wide.onnx'));
  });

  test('is a file, and not the folder that it is in', async () => {
    const handler = new OnnxModelHandler({ modelUri: await modelFolder('mlp.onnx') });
    await expect(handler.loadModel()).rejects.toThrow("is a folder: 'modelUri' must name the model file in it");
  });

  test('is a matter of the engine, unless a subclass sees to it', () => {
    class Own extends OnnxModelHandler {
      override localPath(): Promise<string> {
        return Promise.resolve(modelFile('mlp.onnx'));
      }
    }
    expect(new OnnxModelHandler({ modelUri: 'm.onnx' }).modelFiles.isFetched).toBe(true);
    expect(new Own({ modelUri: 'm.onnx' }).modelFiles.isFetched).toBe(false);
  });
});
