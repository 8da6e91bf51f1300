import { describe, expect, test } from 'vitest';
import { OpenInferenceModelHandler } from '../../../lib/remote/open-inference/open-inference-model-handler.ts';
import { describeEndpoint } from '../endpoint-contract.ts';
import { PAYLOAD } from '../endpoint-under-test.ts';
import { withEnvironment } from '../environment.ts';
import type { FakeAnswer, FakeRequest } from '../fake-service.ts';
import { ask, failureOf, handlerOf, type Options, signal } from './ask.ts';
import { type ModelServerOptions, type RawAnswer, serveModels } from './model-server.ts';

const TOKEN = 'tok-7d1f0e5b';

describeEndpoint('an OpenInferenceModelHandler', {
  rightly: doubling,
  isQuestion: ({ path }) => path.endsWith('/infer'),
  environment: () => ({ MODEL_TOKEN: TOKEN }),
  withoutCredentials: { MODEL_TOKEN: undefined },
  handler: (url, options) => handlerOf(url, 'double', { bearerToken: { env: 'MODEL_TOKEN' }, ...options }),
  batch: [[Number(PAYLOAD)], [2]],
  predictions: [{ y: [2 * Number(PAYLOAD)] }, { y: [4] }],
  misfit: 'x',
  refusal: (status, error) => ({ status, body: { error } }),
  secrets: [TOKEN],
  repeating: (secret) => ({ status: 400, body: { error: `what is ${secret}?` } }),
  strange: [
    [{ body: { predictions: [[1], [2]] } }, "JSON without 'outputs'", 'poison'],
    [outputOf({ shape: [1, 1], data: [1] }), "an output 'y' of shape [1, 1] for 2 elements", 'poison'],
    [{ body: `<html><title>Log in</title>${PAYLOAD}` }, "an HTML page, 'Log in'", 'retry'],
    [{ body: `[${PAYLOAD}` }, 'a body that is not JSON', 'retry'],
    [{ body: '' }, 'nothing', 'retry'],
  ],
});

/** A server of a model that doubles numbers. */
function doubling({ method, path, json }: FakeRequest): FakeAnswer {
  const [input] = (json['inputs'] ?? []) as readonly { readonly shape: number[]; readonly data: number[] }[];
  if (input !== undefined) return outputOf({ ...input, data: input.data.map((value) => 2 * value) });
  if (`${method} ${path}` !== 'GET /v2/models/double') return {};
  return { body: { name: 'double', inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 1] }], outputs: [] } };
}

function outputOf(tensor: { readonly shape: readonly number[]; readonly data: readonly number[] }): FakeAnswer {
  return { body: { model_name: 'double', outputs: [{ ...tensor, name: 'y', datatype: 'FP32' }] } };
}

describe('an element that does not fit', () => {
  test('fails alone, and the others are asked without it', async () => {
    await using server = await serveModels();
    const results = await ask(handlerOf(server.url, 'double'), [[1, 2], [1, 2, 3], 'x', { y: 1 }, [4, 5, 6]]);
    expect(results.map((result) => (result instanceof Error ? result.name : result))).toEqual([
      'InputMismatchError',
      { y: [2, 4, 6] },
      'InputMismatchError',
      'InputMismatchError',
      { y: [8, 10, 12] },
    ]);
    expect(server.inferred()).toHaveLength(1);
  });

  test('is not asked for where there is no other', async () => {
    await using server = await serveModels();
    const [result] = await ask(handlerOf(server.url, 'fixed-batch'), [[1]]);
    expect(result).toBeInstanceOf(Error);
    expect(server.inferred()).toHaveLength(0);
  });
});

describe('a request', () => {
  test('asks for the outputs that are named, in their order, and for no others', async () => {
    await using server = await serveModels({ binary: true });
    const handler = handlerOf(server.url, 'two-inputs', { outputNames: ['count', 'sum'] });
    const [result] = await ask(handler, [{ a: [1, 2], b: 3 }]);
    expect(Object.entries(result ?? {})).toEqual([
      ['count', 4],
      ['sum', [4, 5]],
    ]);
    const [only] = await ask(handlerOf(server.url, 'two-inputs', { outputNames: ['sum'] }), [{ a: [1, 2], b: 3 }]);
    expect(only).toEqual({ sum: [4, 5] });
  });

  test('feeds inputs with the arguments that are named like them, and has the others as parameters', async () => {
    await using server = await serveModels();
    const results = await ask(handlerOf(server.url, 'two-inputs'), [[1, 2], { a: [1, 2], b: 7 }], { b: 3, seed: 11 });
    expect(results).toMatchObject([{ count: 4 }, { count: 8 }]);
    expect(server.inferred()[0]?.['parameters']).toEqual({ seed: 11 });
  });

  test('can have no parameter that is a list', async () => {
    await using server = await serveModels();
    await expect(ask(handlerOf(server.url, 'double'), [[1, 2, 3]], { stop: ['a'] })).rejects.toThrow(
      "'inferenceArgs' has 'stop', which is not an input of the model",
    );
  });

  test('goes to the version that is asked for', async () => {
    await using server = await serveModels();
    await ask(handlerOf(server.url, 'double', { modelVersion: '3' }), [[1, 2, 3]]);
    expect(server.calls.map(({ path }) => path)).toContain('POST v2/models/double/versions/3/infer');
  });

  test("packs its batch with a subclass's own collate", async () => {
    await using server = await serveModels();
    class Letters extends OpenInferenceModelHandler<string> {
      override collate(batch: readonly string[]) {
        const codes = batch.flatMap((text) => text.split('').map((letter) => letter.charCodeAt(0)));
        return { x: { datatype: 'FP32', shape: [batch.length, 3], data: Float32Array.from(codes) } } as const;
      }
    }
    const letters = new Letters({ endpoint: server.url, modelName: 'double' });
    const results = await letters.request(['abc', 'xyz'], await letters.createClient(), { signal });
    expect(results).toEqual([{ y: [194, 196, 198] }, { y: [240, 242, 244] }]);
  });
});

async function describeModel(options: ModelServerOptions, model = 'double', own: Options = {}) {
  await using server = await serveModels(options);
  const handler = handlerOf(server.url, model, own);
  return await handler.describe(await handler.createClient(), { signal });
}

function says(path: string, answer: RawAnswer): ModelServerOptions {
  return { answer: (call) => (call.path === path ? answer : undefined) };
}

describe('a server describes its model', () => {
  test('its version, its inputs and its outputs', async () => {
    const inputs = [{ name: 'x', datatype: 'FP32', shape: [-1, 3] }];
    const outputs = [{ name: 'y', datatype: 'FP32', shape: [-1, 3] }];
    expect(await describeModel({})).toEqual({ label: '3', digest: 'double:3', inputs, outputs });
    expect(await describeModel({}, 'double', { modelVersion: '7' })).toMatchObject({ label: '7', digest: 'double:7' });
    expect(await describeModel({}, 'fixed-batch')).toMatchObject({ inputs: [{ shape: [4, 3] }] });
  });

  test('by its name alone where there is no version, or the server chooses among several', async () => {
    for (const versions of [undefined, [], ['1', '2']]) {
      const body = JSON.stringify({
        name: 'double',
        versions,
        inputs: [{ name: 'x', datatype: 'FP32', shape: ['-1', 3] }],
      });
      expect(await describeModel(says('GET v2/models/double', { body }))).toEqual({
        label: 'double',
        digest: 'double',
        inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 3] }],
      });
    }
  });

  test('with an input of another size, which is one value for the batch', async () => {
    await using server = await serveModels();
    const elements = [
      { x: [1, 2], scales: [1, 1, 2] },
      { x: [3, 4], scales: [1, 1, 2] },
    ];
    expect(await ask(handlerOf(server.url, 'scales'), elements)).toEqual([{ y: [12] }, { y: [28] }]);
    expect(server.inferred()).toMatchObject([{ inputs: [{ shape: [2, 2] }, { shape: [3] }] }]);
  });

  test('and is refused where its inputs have no batch in common', async () => {
    const inputs = [4, 7].map((size) => ({ name: `x${size}`, datatype: 'FP32', shape: [size] }));
    const body = JSON.stringify({ name: 'double', versions: ['3'], inputs, outputs: [] });
    const error = await failureOf(describeModel(says('GET v2/models/double', { body })));
    expect(error).toMatchObject({ name: 'EndpointModelError', disposition: 'fatal' });
    expect(error.message).toContain("input 'x7' has dimension 0 fixed at 7, and input 'x4' at 4");
    expect(error.message).not.toContain('batchDimension');
  });

  test('or not at all: its inputs are declared by hand then', async () => {
    const silent = says('GET v2/models/double', { body: '{"name":"double","inputs":[],"outputs":[]}' });
    const error = await failureOf(describeModel(silent));
    expect(error).toMatchObject({ name: 'EndpointModelError', disposition: 'fatal' });
    expect(error.message).toContain("declares no inputs: declare them in 'inputTensors'");
    const inputs = [{ name: 'x', datatype: 'FP32', shape: [-1, 3] }] as const;
    expect(await describeModel(silent, 'double', { inputTensors: inputs })).toMatchObject({ inputs });
    expect(await describeModel(silent, 'double', { inputTensors: inputs, inputs: 'a' })).toMatchObject({ inputs });
    // The earlier form of the option.
    expect(await describeModel(silent, 'double', { inputs })).toMatchObject({ inputs });
  });

  test('where an unknown model ends the run', async () => {
    const error = await failureOf(describeModel({}, 'absent'));
    expect(error).toMatchObject({ name: 'EndpointModelError', disposition: 'fatal', status: 404 });
    expect(error.message).toMatch(/^model 'absent' at http:.*check the model's name.*Model absent not found$/);
  });

  test('where an output that it does not have ends the run', async () => {
    const error = await failureOf(describeModel({}, 'double', { outputNames: ['z'] }));
    expect(error).toMatchObject({ name: 'EndpointModelError', disposition: 'fatal' });
    expect(error.message).toContain("has no output 'z', which is in 'outputNames': it declares [y]");
  });

  test('where one that is not ready is waited for', async () => {
    for (const answer of [{ body: '{"ready":false}' }, { status: 400 }, { status: 503 }]) {
      const error = await failureOf(describeModel(says('GET v2/models/double/ready', answer)));
      expect(error).toMatchObject({ name: 'EndpointServerError', disposition: 'retry' });
    }
    for (const body of ['', '{"live":true}', '{"name":"double","ready":true}']) {
      expect(await describeModel(says('GET v2/models/double/ready', { body }))).toMatchObject({ label: '3' });
    }
  });

  test('where a gateway that hides the server is taken not to have the extension', async () => {
    expect(await describeModel(says('GET v2', { status: 404 }))).toMatchObject({ label: '3' });
  });
});

describe('secrets', () => {
  test('are read where they are referred to, sent with every request, and shown nowhere', async () => {
    using _ = withEnvironment({ MODEL_TOKEN: TOKEN, TENANT_KEY: 'tenant-99c' });
    await using server = await serveModels({
      answer: ({ path, headers }) => {
        if (headers.authorization !== `Bearer ${TOKEN}` || headers['x-tenant-key'] !== 'tenant-99c')
          return { status: 401 };
        const error = JSON.stringify({ error: `${headers.authorization} of tenant-99c may not` });
        return path.endsWith('/infer') ? { status: 400, body: error } : undefined;
      },
    });
    const handler = handlerOf(server.url, 'double', {
      bearerToken: { env: 'MODEL_TOKEN' },
      secretHeaders: { 'x-tenant-key': { env: 'TENANT_KEY' } },
    });
    expect(handler.secretReferences).toEqual([{ env: 'TENANT_KEY' }, { env: 'MODEL_TOKEN' }]);
    const error = await failureOf(ask(handler, [[1, 2, 3]]));
    expect(error).toMatchObject({ name: 'EndpointRefusedError', disposition: 'poison', status: 400 });
    expect(error.message).toMatch(/: \*\*\* of \*\*\* may not$/);
    expect(JSON.stringify(handler)).not.toContain(TOKEN);
  });

  test('that are missing end the run by their name', async () => {
    using _ = withEnvironment({ MODEL_TOKEN: undefined });
    const handler = handlerOf('http://127.0.0.1:1', 'double', { bearerToken: { env: 'MODEL_TOKEN' } });
    const error = await failureOf(handler.createClient());
    expect(error).toMatchObject({ name: 'EndpointCredentialsError', disposition: 'fatal' });
    expect(error.message).toContain('MODEL_TOKEN');
  });

  test('that the server does not take end the run', async () => {
    await using server = await serveModels({ answer: () => ({ status: 401 }) });
    const error = await failureOf(ask(handlerOf(server.url, 'double'), [[1, 2, 3]]));
    expect(error).toMatchObject({ name: 'EndpointCredentialsError', disposition: 'fatal' });
    expect(error.message).toContain(`model 'double' at ${server.url}`);
  });
});

const X = { name: 'x', datatype: 'FP32', shape: [-1] } as const;

describe('a handler can not be created', () => {
  test.for([
    [{ endpoint: 'triton:8000' }, "as 'endpoint' must be an http:// or https:// URL"],
    [{ endpoint: 'https://me:s3cr3t@a.b' }, "as 'endpoint' must not contain a user or a password"],
    [{ modelName: '' }, "as 'modelName' must be a model's name"],
    [{ headers: { Authorization: 'Bearer s3cr3t' } }, "as 'headers' must not contain 'Authorization'"],
    [{ bearerToken: 's3cr3t' as never }, "as 'bearerToken' must be a reference"],
    [{ secretHeaders: { a: 's3cr3t' as never } }, "as 'secretHeaders.a' must be a reference"],
    [{ inputs: [{ name: 'x', datatype: 'float32' as never, shape: [-1] }] }, "as each of 'inputs' must have"],
    [{ inputTensors: [{ name: 'x' } as never] }, "as each of 'inputTensors' must have"],
    [{ inputTensors: { x: 'a' } as never }, "as each of 'inputTensors' must have"],
    [{ inputs: [X], inputTensors: [X] }, "as 'inputs' must name fields of elements if 'inputTensors' is given"],
    [{ inputs: [] }, "as 'inputs' must be the name of a field or a list of such names"],
    [{ inputs: ['a', X] as never }, "as 'inputs' must be the name of a field or a list of such names"],
    [{ inputs: { x: 3 as never } }, "as 'inputs.x' must be the name of a field or a list of such names"],
    [{ maxElementTensorBytes: 1.5 }, "as 'maxElementTensorBytes' must be a positive integer"],
    [{ padding: { axis: 0 } }, "as 'padding.axis' must be an integer of at least 1"],
  ] as const satisfies readonly (readonly [Options, string])[])('with %j', ([options, words]) => {
    const create = (): unknown => new OpenInferenceModelHandler({ endpoint: 'http://a.b', modelName: 'm', ...options });
    expect(create).toThrow(`Cannot create OpenInferenceModelHandler ${words}`);
    expect(create).not.toThrow(/s3cr3t/);
  });
});
