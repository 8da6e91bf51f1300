import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { readResults } from '../../examples/read-results.ts';
import { OnnxModelHandler } from '../../lib/models/onnx-model-handler.ts';
import { EndpointError } from '../../lib/remote/endpoint/endpoint-error.ts';
import { OpenInferenceModelHandler } from '../../lib/remote/open-inference/open-inference-model-handler.ts';
import { ROOT, runFabric, temporaryFolder } from '../examples/run-fabric.ts';
import { SERVED, SERVED_CONFIG } from './models.ts';
import { type RunningServer, startMlserver } from './start-mlserver.ts';

const run = promisify(execFile);

/** How far two ways to compute the same float32 value may be apart. */
const TOLERANCE = 1e-5;

interface Line {
  readonly id: string;
  readonly features: readonly (number | null)[];
}

interface LocalPrediction {
  readonly label: string | number;
  readonly probabilities: readonly number[];
}

/** MLServer's names for the same. */
interface ServedPrediction {
  readonly predict: readonly [string | number];
  readonly predict_proba: readonly number[];
}

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let server: RunningServer;

beforeAll(async () => {
  folder = await temporaryFolder();
  await run(inject('python'), [join(ROOT, 'test/mlserver/train.py'), folder.path]);
  server = await startMlserver({ python: inject('python'), models: join(folder.path, 'models'), count: SERVED.length });
});

afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

async function heldOut(model: string): Promise<readonly Line[]> {
  const lines = (await readFile(join(folder.path, `${model}.jsonl`), 'utf8')).split('\n').filter(Boolean);
  // train.py writes nothing else there.
  return lines.map((line) => JSON.parse(line) as Line);
}

async function localPredictions(model: string): Promise<readonly LocalPrediction[]> {
  const modelUri = join(folder.path, `${model}.onnx`);
  const handler = new OnnxModelHandler<Line['features'], LocalPrediction>({ modelUri, missing: 'nan' });
  const lines = await heldOut(model);
  return handler.runInference(
    lines.map(({ features }) => features),
    await handler.loadModel(),
  );
}

function expectSame(served: readonly ServedPrediction[], local: readonly LocalPrediction[]): void {
  expect(served.map(({ predict: [label] }) => label)).toEqual(local.map(({ label }) => label));
  const differences = served.flatMap(({ predict_proba: probabilities }, index) =>
    probabilities.map((value, at) => Math.abs(value - (local[index]?.probabilities[at] ?? NaN))),
  );
  expect(Math.max(...differences)).toBeLessThanOrEqual(TOLERANCE);
}

describe.for(SERVED)('$model over the Open Inference Protocol', ({ model, elements, classes }) => {
  test('predicts what the same model does as ONNX', async () => {
    const inputs = [{ name: 'features', datatype: 'FP32', shape: [-1, 30] }] as const;
    const handler = new OpenInferenceModelHandler<Line['features'], ServedPrediction>({
      endpoint: server.url,
      modelName: model,
      missing: 'nan',
      outputNames: ['predict', 'predict_proba'],
      ...(model === 'breast-cancer' ? { inputs } : {}),
    });
    const batch = (await heldOut(model)).map(({ features }) => features);
    const options = { signal: new AbortController().signal };
    const results = await handler.request(batch, await handler.createClient(), options);
    const served = results.filter((result): result is ServedPrediction => !(result instanceof Error));
    expect(served).toHaveLength(elements);
    expect(new Set(served.map(({ predict: [label] }) => label)).size).toBe(classes);
    expectSame(served, await localPredictions(model));
  });

  test('predicts the same in fabric run', async () => {
    await using output = await temporaryFolder();
    const input = join(folder.path, `${model}.jsonl`);
    const args = ['--config', SERVED_CONFIG, '--output', output.path, '--json'];
    const { status, stdout, stderr } = await runFabric(['run', model, input, ...args], {
      MODEL_SERVER_URL: server.url,
    });
    expect(status, stderr).toBe(0);
    const { results } = JSON.parse(stdout) as { results: readonly string[] };
    const lines = (await Promise.all(results.map(readResults<ServedPrediction, unknown>))).flat();
    expect(lines.map(({ id }) => id)).toEqual((await heldOut(model)).map(({ id }) => id));
    expectSame(
      lines.map(({ prediction }) => prediction),
      await localPredictions(model),
    );
  });
});

async function refusal(modelName: string, batch: readonly unknown[], shape: readonly number[]): Promise<unknown> {
  const inputs = [{ name: 'features', datatype: 'FP64', shape }] as const;
  const handler = new OpenInferenceModelHandler({ endpoint: server.url, modelName, inputs });
  const client = await handler.createClient();
  const { signal } = new AbortController();
  return handler.request(batch, client, { signal }).catch((error: unknown) => error);
}

describe('what MLServer refuses is told in its words', () => {
  test('an unknown model ends the run', async () => {
    const error = await refusal('nobody', [[1]], [-1, 1]);
    expect(error).toBeInstanceOf(EndpointError);
    expect(error).toMatchObject({
      name: 'EndpointModelError',
      disposition: 'fatal',
      message: expect.stringMatching(/^model 'nobody' at http.*: Model nobody not found$/),
    });
  });

  test("a shape that is not the model's, which it answers with a traceback", async () => {
    expect(await refusal('wine', [[1, 2]], [-1, 2])).toMatchObject({
      name: 'EndpointServerError',
      disposition: 'retry',
      message: expect.stringContaining(': ValueError: X has 2 features, but StandardScaler is expecting 13 features'),
    });
  });
});
