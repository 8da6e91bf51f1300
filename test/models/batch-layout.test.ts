import { describe, expect, test } from 'vitest';
import { ModelLoadError } from '../../lib/errors.ts';
import { batchLayout, type BatchLayoutOptions } from '../../lib/models/batch-layout.ts';
import { fixedBatchSize } from '../../lib/models/onnx-session.ts';
import { isForAll, type TensorMetadata } from '../../lib/models/tensor.ts';

type Shape = TensorMetadata['shape'];

function tensors(shapes: Readonly<Record<string, Shape>>): readonly TensorMetadata[] {
  return Object.entries(shapes).map(([name, shape]) => ({ name, datatype: 'FP32', shape }));
}

interface Given {
  readonly inputs: Readonly<Record<string, Shape>>;
  readonly outputs: Readonly<Record<string, Shape>>;
  readonly options?: Partial<BatchLayoutOptions>;
  /** Outputs whose sizes depend on values. */
  readonly valueSized?: readonly string[];
  /** Outputs whose graph declares no shape. */
  readonly unranked?: readonly string[];
}

function layOut({ inputs, outputs, options, valueSized = [], unranked = [] }: Given) {
  const facts = { valueSized: new Set(valueSized), unranked: new Set(unranked) };
  return batchLayout(tensors(inputs), tensors(outputs), {
    maxBatchSize: 64,
    batchDimension: undefined,
    facts: () => facts,
    ...options,
  });
}

function unreadable(): never {
  throw new Error('the graph was read');
}

/** `x` and `y` have a batch of any size. */
const PLAIN = { inputs: { x: ['N', 2] }, outputs: { y: ['N', 2] } } as const;

describe('batchLayout', () => {
  const taken: readonly (readonly [
    what: string,
    given: Given,
    batch: number | 'any',
    forAll: string,
    whole: string,
  ])[] = [
    ['one name for the batch', PLAIN, 'any', '', ''],
    ['no names', { inputs: { a: ['', 2], b: ['', 3] }, outputs: { y: ['', 2] } }, 'any', '', ''],
    [
      'names that exporters make up',
      {
        inputs: { a: ['unk__1', 2], b: ['unk__2', 3], c: ['c_dynamic_axes_1'] },
        outputs: { y: ['Gemmy_dim_0', 2] },
      },
      'any',
      '',
      '',
    ],
    [
      "two names that say 'batch'",
      { inputs: { a: ['batch', 2], b: ['batch_size'] }, outputs: { y: ['batch', 1] } },
      'any',
      '',
      '',
    ],
    [
      'names that a user says are the batch',
      {
        inputs: { a: ['N', 2], b: ['M', 2] },
        outputs: { y: ['K'] },
        valueSized: ['y'],
        options: { batchDimension: true },
      },
      'any',
      '',
      '',
    ],
    ['a size that all agree on', { inputs: { a: [4, 2], b: [4] }, outputs: { y: [4, 9] } }, 4, '', ''],
    [
      'an input of another size where the others are free',
      { inputs: { text: ['N', 9], scales: [3] }, outputs: { y: ['N'] } },
      'any',
      'scales',
      '',
    ],
    [
      'a size that an output has too, where another input is free',
      { inputs: { text: ['N', 9], mask: [8, 9] }, outputs: { y: [8] } },
      8,
      '',
      '',
    ],
    [
      'an input that fixes a batch of one, where others are free',
      { inputs: { text: ['N', 9], threshold: [1], sizes: [2] }, outputs: { y: ['N'] } },
      1,
      'sizes',
      '',
    ],
    [
      'a recurrent state beside a batch of one',
      { inputs: { audio: [1, 512], state: [2, 1, 128], rate: [] }, outputs: { speech: [1, 1], next: [2, 1, 128] } },
      1,
      'state rate',
      'next',
    ],
    [
      'an output squeezed of a batch of one',
      { inputs: { x: [1, 2, 3] }, outputs: { y: [3], loss: [] } },
      1,
      '',
      'y loss',
    ],
    [
      'detections of a batch of one',
      { inputs: { x: [1, 4] }, outputs: { d: ['n', 7] }, valueSized: ['d'] },
      1,
      '',
      'd',
    ],
    [
      'detections with maxBatchSize 1',
      {
        inputs: { x: ['N', 4] },
        outputs: { d: ['n', 7], sum: [3] },
        valueSized: ['d'],
        options: { maxBatchSize: 1 },
      },
      'any',
      '',
      'd sum',
    ],
    ['outputs of a batch of one only', { inputs: { x: ['N', 2, 2] }, outputs: { y: [1, 1] } }, 1, '', ''],
    ['no batch in any output', { inputs: { x: [4] }, outputs: { y: [2], loss: [] } }, 1, 'x', 'y loss'],
    ['no dimensions at all', { inputs: { x: [] }, outputs: { y: [] } }, 1, 'x', 'y'],
    [
      'batchDimension false',
      {
        inputs: { audio: ['N', 4], state: [2, 'N', 3] },
        outputs: { y: ['N', 1], next: [2, 'N', 3] },
        options: { batchDimension: false },
      },
      1,
      'audio state',
      'y next',
    ],
    ['outputs of unknown rank', { inputs: { x: ['N', 2] }, outputs: { y: [] }, unranked: ['y'] }, 'any', '', ''],
    ['time before the batch', { inputs: { x: ['T', 1, 2] }, outputs: { y: ['T', 1, 2] } }, 1, '', ''],
  ];
  test.each(taken)('takes %s', (_what, given, batch, forAll, whole) => {
    const { inputs, outputs } = layOut(given);
    expect(fixedBatchSize(inputs) ?? 'any').toBe(batch);
    expect(
      inputs
        .filter(isForAll)
        .map(({ name }) => name)
        .join(' '),
    ).toBe(forAll);
    expect(
      outputs
        .filter(({ isWhole }) => isWhole)
        .map(({ name }) => name)
        .join(' '),
    ).toBe(whole);
  });

  const refused: readonly (readonly [what: string, given: Given, message: RegExp])[] = [
    [
      'a state whose batch is its second dimension',
      { inputs: { audio: ['N', 4], state: [2, 'N', 3] }, outputs: { y: ['N', 1] } },
      /^input 'state' has shape \[2, N, 3\], in which 'N', the batch, is dimension 1, and dimension 0 is not: set 'batchDimension: false'/,
    ],
    [
      'a batch after time',
      { inputs: { x: ['T', 'batch', 3] }, outputs: { y: ['T', 'batch', 1] } },
      /^input 'x' has shape \[T, batch, 3\]/,
    ],
    [
      'two names for dimension 0',
      { inputs: { image: ['N', 3], boxes: ['M', 4] }, outputs: { y: ['N', 2] } },
      /^input 'boxes' has dimension 0 'M', and others have 'N': set 'batchDimension: true' if both are the batch/,
    ],
    [
      'two sizes of dimension 0',
      { inputs: { a: [4], b: [7] }, outputs: { y: [2] } },
      /^input 'b' has dimension 0 fixed at 7, and input 'a' at 4, so they have no batch in common: set 'batchDimension: false'/,
    ],
    [
      'detections of a whole batch',
      { inputs: { x: ['batch', 4] }, outputs: { d: ['num_dets', 7], y: ['batch'] }, valueSized: ['d'] },
      /^output 'd' has a dimension 0 'num_dets' whose length depends on the values of the elements, so it has no row for each element: leave it out by naming the others in 'outputNames', or set 'maxBatchSize: 1'/,
    ],
    [
      'detections where nothing is known of the graph',
      { inputs: { x: ['N', 4] }, outputs: { d: ['n', 7] }, options: { facts: () => undefined } },
      /^output 'd' .*: set 'maxBatchSize: 1' for each element to have the whole output, or set 'batchDimension: true' if dimension 0 is the batch$/,
    ],
    [
      "an output of the inputs' other dimension",
      { inputs: { x: ['N', 'L', 8] }, outputs: { y: ['L', 8] } },
      /^output 'y' has a dimension 0 'L', which is not the batch in the inputs, so it has no row for each element/,
    ],
    [
      'a loss beside rows',
      { inputs: { x: ['N', 4] }, outputs: { y: ['N'], loss: [] } },
      /^output 'loss' has no dimensions, so it has no row for each element: leave it out/,
    ],
    [
      'a batch at the second dimension of an output',
      { inputs: { x: ['N', 4] }, outputs: { y: ['N'], turned: [1, 'N'] } },
      /^output 'turned' has dimension 0 fixed at 1, so it has no row for each element/,
    ],
    [
      'another size than that of the batch',
      { inputs: { x: [4, 3] }, outputs: { y: [4, 3], sum: [3] } },
      /^output 'sum' has dimension 0 fixed at 3, .*: leave it out by naming the others in 'outputNames', or set 'batchDimension: false'/,
    ],
    ['no inputs', { inputs: {}, outputs: { y: [1] } }, /^the model has no inputs$/],
  ];
  test.each(refused)('refuses %s, naming it and what helps', (_what, given, message) => {
    expect(() => layOut(given)).toThrow(ModelLoadError);
    expect(() => layOut(given)).toThrow(message);
  });

  test('warns where a model runs one element at a time unasked', () => {
    expect(layOut({ inputs: { x: ['N', 2] }, outputs: { y: [1, 1] } }).warning).toContain("set 'maxBatchSize: 1'");
    expect(layOut({ inputs: { x: [4] }, outputs: { y: [2] } }).warning).toContain("set 'batchDimension: false'");
    expect(layOut({ inputs: { x: ['T', 2] }, outputs: { y: ['T', 2] } }).warning).toContain("is called 'T'");
    expect(layOut(PLAIN).warning).toBeUndefined();
  });

  test('does not read the graph where names say all', () => {
    expect(layOut({ ...PLAIN, options: { facts: unreadable } }).outputs).toMatchObject([{ name: 'y', isWhole: false }]);
  });
});
