import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InferenceEngine } from '../../../lib/inference/engine/engine.ts';
import { runBundle } from '../../inference/run-bundle.ts';
import { withEnvironment } from '../environment.ts';
import { type ModelServer, serveModels } from './model-server.ts';

let server: ModelServer;
let environment: Disposable;
beforeAll(async () => {
  // The third batch of the sums is refused as long as it contains the invalid element.
  server = await serveModels({
    binary: true,
    answer: ({ body }) => (body.includes(REFUSED) ? { status: 400, body: '{"error":"not this one"}' } : undefined),
  });
  environment = withEnvironment({ MODEL_SERVER_URL: server.url });
});
afterAll(async () => {
  environment[Symbol.dispose]();
  await server[Symbol.asyncDispose]();
});

const REFUSED = Buffer.from(Float32Array.of(-666, -667).buffer);

async function predict(pipeline: string, inputs: readonly unknown[]) {
  const configUrl = new URL('fixtures/served.config.ts', import.meta.url);
  await using engine = await InferenceEngine.start({ configUrl, pipeline, workers: 1 });
  const before = server.inferred().length;
  const { outcomes } = await runBundle(engine, inputs);
  const asked = server.inferred().slice(before);
  return { outcomes, shapes: asked.map(({ inputs }) => (inputs as { shape: number[] }[])[0]?.shape), asked };
}

describe('an engine that asks a server', () => {
  test('puts elements of one shape together', async () => {
    const tokens = [[1], [1, 2], [3], [3, 4], [5], [5, 6], [7], [7, 8]];
    const inputs = tokens.map((own) => ({ tokens: own, mask: own.map(() => 1) }));
    const { outcomes, shapes } = await predict('sequences', inputs);
    expect(outcomes.map(({ prediction }) => prediction)).toEqual(
      tokens.map((own) => ({ mean: own.reduce((sum, token) => sum + token, 0) / own.length })),
    );
    expect(shapes.map(String).sort()).toEqual(['4,1', '4,2']);
  });

  test('makes batches of the size that the server fixes, and fills the last', async () => {
    const inputs = [1, 2, 3, 4, 5, 6].map((value) => [value, value, value]);
    const { outcomes, shapes } = await predict('fixed', inputs);
    expect(outcomes.map(({ prediction }) => prediction)).toEqual(
      inputs.map((row) => ({ y: row.map((value) => value + 1) })),
    );
    expect(shapes).toEqual([
      [4, 3],
      [4, 3],
    ]);
    expect(outcomes.every(({ model }) => model === '3')).toBe(true);
  });

  test('fails elements alone that do not fit or are refused, and feeds arguments that are inputs', async () => {
    const inputs = [
      { a: [1, 2] },
      { a: [1, 2, 3] },
      { a: [3, 4], b: 5 },
      { a: 'x' },
      { a: [-666, -667] },
      { a: [5, 6], args: { b: 7 } },
    ];
    const { outcomes, asked } = await predict('sums', inputs);
    expect(outcomes.map(({ prediction, error }) => prediction ?? error)).toEqual([
      { sum: [101, 102], count: 101 },
      { name: 'InputMismatchError', message: expect.stringContaining("input 'a' must be FP32 of shape [-1, 2]") },
      { sum: [8, 9], count: 6 },
      { name: 'InputMismatchError', message: expect.stringContaining("input 'a' must be FP32 of shape [-1, 2]") },
      {
        name: 'EndpointRefusedError',
        message: `model 'two-inputs' at ${server.url} refused the request (HTTP 400): not this one`,
      },
      { sum: [12, 13], count: 8 },
    ]);
    for (const { parameters } of asked) expect(parameters).toEqual({ priority: 1, binary_data_output: true });
  });
});

describe('declared inputs of a served model', () => {
  test('are fields of elements, also below others, and messages name them', async () => {
    const { outcomes, asked } = await predict('fields', [
      { left: 1, size: { right: '2' }, n: 3, note: 'x' },
      { left: 'one', size: { right: 2 }, n: 3 },
      { left: 1, size: { right: 2 }, n: 1.5 },
      { left: 1, size: { rigth: 2 }, n: 3 },
    ]);
    expect(outcomes.map(({ prediction, error }) => prediction ?? error?.message)).toEqual([
      { sum: [4, 5], count: 4 },
      "input 'a' (field 'left') must be FP32: got text that is not such a number",
      expect.stringContaining("input 'b' (field 'n') must be INT64"),
      expect.stringContaining("the element has no field 'size.right', which 'inputs' declares for 'a'"),
    ]);
    expect(asked).toHaveLength(1);
  });

  test('are a list alone for the only input of a model, whose tensors the server describes', async () => {
    const { outcomes } = await predict('listed', [
      { w: 3, v: '2', u: 1 },
      { u: 1, w: 2 },
    ]);
    expect(outcomes.map(({ prediction }) => prediction)).toEqual([{ y: [2, 4, 6] }, { y: [2, 'NaN', 4] }]);
  });

  test('leave other inputs to the arguments of the step', async () => {
    const { outcomes } = await predict('argued', [{ pair: [1, 2], b: 7 }]);
    expect(outcomes[0]?.prediction).toEqual({ sum: [101, 102], count: 101 });
  });

  test('that the model does not have end the run', async () => {
    await expect(predict('misspelt', [{ pair: [1, 2], n: 1 }])).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
      message: expect.stringContaining("'inputs' must name inputs of the model, 'a', 'b': got 'bb'; did you mean 'b'?"),
    });
  });
});
