import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { InferenceEngine } from '../../lib/inference/engine/engine.ts';
import { digestOfOnnxModel, shownDigest } from '../../lib/models/model-digest.ts';
import { type Outcome, runBundle } from '../inference/run-bundle.ts';
import { infer, modelFile } from './model-files.ts';
import { EXTREMES } from './onnx-values.ts';

const configUrl = new URL('./fixtures/handlers.config.ts', import.meta.url);

/** Takes elements through a pipeline of the fixture config, with real workers and model hosts. */
async function run(pipeline: string, elements: readonly unknown[]): Promise<readonly Outcome[]> {
  await using engine = await InferenceEngine.start({ configUrl, pipeline, workers: 1 });
  const { outcomes } = await runBundle(engine, elements);
  return outcomes;
}

function predictions(outcomes: readonly Outcome[]): unknown[] {
  return outcomes.map(({ prediction, error }) => prediction ?? error?.message);
}

/** Models that are made or changed here; the fixture config takes this from the environment when it is imported. */
const folder = await mkdtemp(join(tmpdir(), 'fabric-models-'));
process.env['FABRIC_TEST_MODELS'] = folder;
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What the fixture's handler `Reporter` says of an element. */
function report(batch: readonly number[], doubled: readonly number[]): object {
  return {
    batch,
    typed: true,
    args: { list: [], nested: { depth: 1 } },
    greeting: 'hello',
    doubled,
    order: ['first', 'second'],
  };
}

describe('OnnxModelHandler in a host', () => {
  const element = {
    ...EXTREMES,
    f16: [1.5, 0.1],
    i64: '9007199254740993',
    u64: '18446744073709551615',
    text: 'héllo\n',
  };

  test('takes every datatype there and back: integers past 2^53 come out exactly, as strings', async () => {
    const outcomes = await run('dtypes', [
      element,
      { ...element, i8: 128 },
      { ...element, i64: -1, text: '', flag: 0 },
    ]);
    const out = Object.fromEntries(Object.entries(element).map(([name, value]) => [`${name}_out`, value]));
    const expected = { ...out, f16_out: [1.5, Math.f16round(0.1)] };
    expect(outcomes[0]?.prediction).toEqual(expected);
    expect(outcomes[1]).toMatchObject({
      stage: 'inference',
      attempts: 1,
      error: {
        name: 'InputMismatchError',
        message: "input 'i8' must be INT8: got a number that it can't hold",
      },
      input: { ...element, i8: 128 },
    });
    expect(outcomes[2]?.prediction).toEqual({ ...expected, i64_out: -1, text_out: '', flag_out: false });
  });

  test('runs a model that fixes its batches, the last one short and with an element that does not fit', async () => {
    const outcomes = await run('fixed-batch', [
      [1, 1, 1],
      [2, 2, 2],
      [3, 3, 3],
      [4, 4, 4],
      [5, 5],
      [6, 6, 6],
    ]);
    expect(predictions(outcomes)).toEqual([
      { y: [2, 2, 2] },
      { y: [3, 3, 3] },
      { y: [4, 4, 4] },
      { y: [5, 5, 5] },
      "input 'x' must be FP32 of shape [4, 3], the first being the batch: got 2 values",
      { y: [7, 7, 7] },
    ]);
  });

  test('runs a model that fixes its batches at one', async () => {
    // The dimension of 4 in onnx.proto: field 1 of two bytes, in which field 1 is the varint 4.
    const model = await readFile(modelFile('fixed-batch.onnx'), 'latin1');
    await writeFile(join(folder, 'fixed-one.onnx'), model.replaceAll('\n\x02\b\x04', '\n\x02\b\x01'), 'latin1');
    const outcomes = await run('fixed-one', [
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect(predictions(outcomes)).toEqual([{ y: [2, 3, 4] }, { y: [5, 6, 7] }]);
  });

  test('makes an input with no dimensions part of the batch key, so that each element gets its own value', async () => {
    const elements = Array.from({ length: 30 }, (_, index) => ({ x: [index, 1], factor: index % 3 }));
    const outcomes = await run('scalar', [...elements, { x: [1, 1], factor: '2' }, { x: [1, 1], factor: 'two' }]);
    expect(predictions(outcomes)).toEqual([
      ...elements.map(({ x: [x = 0], factor }) => ({ y: [x * factor, factor] })),
      { y: [2, 2] },
      "input 'factor' must be FP32: got text that is not such a number",
    ]);
  });

  test('runs one element at a time what fails for two, says it once, and remembers it', async () => {
    const elements = Array.from({ length: 9 }, (_, n) => [
      [n, 1],
      [n, n],
    ]);
    const wanted = await Promise.all(elements.map(async (element) => (await infer('baked-batch.onnx', [element]))[0]));
    const warnings: string[] = [];
    const onWarning = (message: string): void => void warnings.push(message);
    await using engine = await InferenceEngine.start({ configUrl, pipeline: 'baked-batch', workers: 1, onWarning });
    expect(predictions((await runBundle(engine, elements)).outcomes)).toEqual(wanted);
    const failed = engine.metrics.counter('failed_batches_counter');
    expect(predictions((await runBundle(engine, elements)).outcomes)).toEqual(wanted);
    expect(engine.metrics.counter('failed_batches_counter')).toBe(failed);
    expect(warnings).toEqual([
      "the model of baked-batch/steps[0].handler runs one element at a time, as it fails for batches of more: set 'maxBatchSize: 1'",
    ]);
  });

  test('gives one value of an input to all elements of a batch, which are those that have it', async () => {
    const elements = Array.from({ length: 10 }, (_, n) => ({ x: [n, 1], scales: [1, n % 2, 0] }));
    const outcomes = await run('scales', [...elements, { x: [1, 1], scales: [1, 2] }]);
    expect(predictions(outcomes)).toEqual([
      ...elements.map((_, n) => ({ y: [(n + 1) * (1 + (n % 2))] })),
      "input 'scales' must be FP32 of shape [3]: got 2 values",
    ]);
  });

  test('gives the whole of an output to the one element of a batch', async () => {
    const outcomes = await run('detections-of-one', [
      [0, 0, 0, 0],
      [0, 0.75, 0, 0],
      [0.75, 0, 1, 0],
    ]);
    expect(predictions(outcomes)).toMatchObject([
      { dets: [], scores: [0, 0, 0, 0] },
      { dets: [[0, 0.75]] },
      {
        dets: [
          [0, 0.75],
          [0, 1],
        ],
      },
    ]);
  });

  test('shows in each line the digest of the model and its external data', async () => {
    const path = join(folder, 'external.onnx');
    for (const suffix of ['', '.data']) await copyFile(modelFile(`external.onnx${suffix}`), `${path}${suffix}`);
    const [before] = await run('external', [[1, 0, 0, 0, 0, 0, 0, 0]]);
    expect(before?.model).toBe(shownDigest(await digestOfOnnxModel(path)));
    const weights = await readFile(`${path}.data`);
    weights.writeFloatLE(42, 0);
    await writeFile(`${path}.data`, weights);
    const [after] = await run('external', [[1, 0, 0, 0, 0, 0, 0, 0]]);
    expect(after?.model).toBe(shownDigest(await digestOfOnnxModel(path)));
    expect(after?.model).not.toBe(before?.model);
    expect(after?.prediction).toMatchObject({ y: expect.arrayContaining([42]) });
  });

  test('ends the run where its model is refused, with what the user can do about it', async () => {
    await expect(run('zipmap', [[1, 2, 3, 4]])).rejects.toMatchObject({
      name: 'ModelLoadError',
      message: `${modelFile('zipmap.onnx')} can't be run: output 'output_probability' is not a tensor: leave it out by naming the others in 'outputNames'`,
    });
  });
});

describe('a subclass of OnnxModelHandler in a host', () => {
  test('has its collate called with the elements and the inputs of the model', async () => {
    const outcomes = await run('collate', ['1 2 3', '4 5 6']);
    expect(predictions(outcomes)).toEqual([{ y: [2, 4, 6] }, { y: [8, 10, 12] }]);
    expect(outcomes[0]?.model).toBe(shownDigest(await digestOfOnnxModel(modelFile('double.onnx'))));
  });

  test('has its runInference called with the elements; one that does not fit fails alone', async () => {
    const outcomes = await run('run-inference', [[1, 3, 2], [5], [9, 8, 7]]);
    expect(predictions(outcomes)).toEqual([
      6,
      "input 'x' must be FP32 of shape [N, 3], the first being the batch: got 1 values",
      18,
    ]);
  });
});

describe('a ModelHandler in a host', () => {
  test("takes typed arrays in batches by batchKey, with envVars set before its import and arguments of the batch's own", async () => {
    const outcomes = await run('reporter', ['1 10', '2 20', '3 30', '4 40', '5 50']);
    expect(predictions(outcomes)).toEqual([
      report([1, 3], [2, 20]),
      report([2, 4], [4, 40]),
      report([1, 3], [6, 60]),
      report([2, 4], [8, 80]),
      report([5], [10, 100]),
    ]);
    expect(outcomes.map(({ model }) => model)).toEqual(Array.from({ length: 5 }, () => 'Reporter'));
  });
});

describe('a prediction that JSON has no word for', () => {
  test('is said as toJson says it', async () => {
    const kinds = ['nan', 'bigint', 'undefined', 'map', 'date', 'bytes'];
    const outcomes = await run('weird', kinds);
    expect(outcomes.map(({ prediction }) => prediction)).toEqual([
      ['NaN', 'Infinity'],
      '1152921504606846976',
      null,
      { a: '-Infinity' },
      '1970-01-01T00:00:00.000Z',
      [1, 2],
    ]);
    expect(outcomes[0]?.model).toEqual([]);
  });

  test('is a failure at stage write where it refers to itself or its toJSON throws', async () => {
    const outcomes = await run('weird', ['date', 'cyclic', 'throwing', 'nan']);
    expect(outcomes.map(({ stage }) => stage)).toEqual([undefined, 'write', 'write', undefined]);
    expect(outcomes[1]).toMatchObject({ input: 'cyclic', attempts: 1 });
    expect(outcomes[2]?.error).toMatchObject({ name: 'RangeError', message: 'no JSON today' });
  });
});
