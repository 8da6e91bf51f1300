import fc from 'fast-check';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { InferenceArgs } from '../../../lib/models/model-handler.ts';
import { OnnxModelHandler, type OnnxModelHandlerOptions } from '../../../lib/models/onnx-model-handler.ts';
import { EndpointError } from '../../../lib/remote/endpoint-error.ts';
import {
  OpenInferenceModelHandler,
  type OpenInferenceModelHandlerOptions,
} from '../../../lib/remote/open-inference/open-inference-model-handler.ts';
import { withEnvironment } from '../environment.ts';
import { type ModelServerOptions, type RawAnswer, serveModels } from './model-server.ts';

type Options = Partial<OpenInferenceModelHandlerOptions>;

const signal = new AbortController().signal;

function handlerOf(url: string, modelName: string, options: Options = {}): OpenInferenceModelHandler {
  return new OpenInferenceModelHandler({ endpoint: url, modelName, ...options });
}

async function ask(handler: OpenInferenceModelHandler, batch: readonly unknown[], inferenceArgs?: InferenceArgs) {
  const client = await handler.createClient();
  return handler.request(batch, client, { signal, ...(inferenceArgs === undefined ? {} : { inferenceArgs }) });
}

async function askLocally(model: string, batch: readonly unknown[], options: Partial<OnnxModelHandlerOptions> = {}) {
  const modelUri = fileURLToPath(new URL(`../../models/${model}.onnx`, import.meta.url));
  const handler = new OnnxModelHandler({ modelUri, ...options });
  const loaded = await handler.loadModel();
  try {
    return await handler.runInference(batch, loaded);
  } finally {
    await loaded.session.release();
  }
}

async function failureOf(asked: Promise<unknown>): Promise<EndpointError> {
  const error: unknown = await asked.then(
    () => expect.fail('it succeeded'),
    (error: unknown) => error,
  );
  if (!(error instanceof EndpointError)) throw error;
  return error;
}

const EVERY_DATATYPE = [
  {
    f16: [1.5, -0.25],
    f64: [Math.PI, Number.MIN_VALUE],
    i8: -128,
    u8: 255,
    i16: -32_768,
    u16: 65_535,
    i32: -(2 ** 31),
    u32: 2 ** 32 - 1,
    i64: -(2n ** 63n),
    u64: 2n ** 64n - 1n,
    flag: true,
    text: 'Grüße,\n"Welt" \u{1F30D}',
  },
  {
    f16: [65_504, -0],
    f64: [-0, 1e308],
    i8: 127,
    u8: 0,
    i16: 1,
    u16: 2,
    i32: 3,
    u32: 4,
    i64: '9007199254740993',
    u64: 5,
    flag: false,
    text: '',
  },
];
const ROW_OF_30 = Array.from({ length: 30 }, (_, index) => Math.sin(index) * 3);

const MODELS: readonly (readonly [model: string, batch: readonly unknown[]])[] = [
  ['dtypes', EVERY_DATATYPE],
  ['mlp', [ROW_OF_30, ROW_OF_30.map((value) => value / 7), { x: ROW_OF_30.map(String) }]],
  [
    'two-inputs',
    [
      { a: [1, 2], b: 3, other: 'ignored' },
      { a: [0.1, 0.2], b: 2 ** 53 - 1 },
    ],
  ],
  ['conv', [[...Array(3 * 32 * 32).keys()].map((value) => value / 1000)]],
  [
    'fixed-batch',
    [
      [1, 2, 3],
      [4, 5, 6],
    ],
  ],
  [
    'scalar-input',
    [
      { x: [1, 2], factor: 0.1 },
      { x: [3, 4], factor: 0.1 },
    ],
  ],
  ['identity', [[[1, 2, 3, 4]].flat(), [5, 6, 7, 8]]],
];

describe('predictions over the protocol are those of the local model, to the last bit', () => {
  const forms = [
    ['as raw bytes', { binary: true }],
    ['as JSON', {}],
    ['as nested JSON', { nested: true }],
  ] as const satisfies readonly (readonly [string, ModelServerOptions])[];

  test.for(forms.flatMap(([form, options]) => MODELS.map(([model, batch]) => ({ form, options, model, batch }))))(
    '$model, $form',
    async ({ options, model, batch }) => {
      await using server = await serveModels(options);
      const ours = await ask(handlerOf(server.url, model), batch);
      expect(ours).toEqual(await askLocally(model, batch));
      const [call] = server.calls.slice(-1);
      expect(call?.headers['content-type']).toBe('binary' in options ? 'application/octet-stream' : 'application/json');
    },
  );

  test('every float32 as raw bytes, NaN and infinities too', async () => {
    await using server = await serveModels({ binary: true });
    const handler = handlerOf(server.url, 'identity');
    const client = await handler.createClient();
    const row = fc.array(fc.float(), { minLength: 3, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 8 }), async (batch) => {
        expect(await handler.request(batch, client, { signal })).toEqual(batch.map((y) => ({ y })));
      }),
      { numRuns: 30 },
    );
  });

  test('every float64 and 64-bit integer as JSON', async () => {
    await using server = await serveModels();
    const handler = handlerOf(server.url, 'dtypes', { outputNames: ['u64_out', 'f64_out', 'i64_out'] });
    const client = await handler.createClient();
    const finite = fc.double({ noDefaultInfinity: true });
    const element = fc.record({
      f64: fc.tuple(finite, finite),
      i64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      u64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    });
    const shown = (integer: bigint): bigint | number =>
      Number.isSafeInteger(Number(integer)) ? Number(integer) : integer;
    await fc.assert(
      fc.asyncProperty(fc.array(element, { minLength: 1, maxLength: 4 }), async (batch) => {
        const results = await handler.request(
          batch.map((values) => ({ ...EVERY_DATATYPE[0], ...values })),
          client,
          { signal },
        );
        const expected = batch.map(({ f64, i64, u64 }) => ({ u64_out: shown(u64), f64_out: f64, i64_out: shown(i64) }));
        expect(results).toEqual(expected);
      }),
      { numRuns: 30 },
    );
  });

  test('sequences of several lengths, padded, with a mask', async () => {
    await using server = await serveModels();
    const padding = { mask: 'mask' };
    const batch = [[1, 2, 3], [4], [5, 6]].map((tokens) => ({ tokens }));
    const ours = await ask(handlerOf(server.url, 'sequence', { padding }), batch);
    expect(ours).toEqual([{ mean: 2 }, { mean: 4 }, { mean: 5.5 }]);
    expect(ours).toEqual(await askLocally('sequence', batch, { padding }));
  });
});

describe('JSON', () => {
  test.for(['python', 'null'] as const)('says NaN as servers do: %s', async (notFinite) => {
    await using server = await serveModels({ notFinite });
    const [result] = await ask(handlerOf(server.url, 'sequence'), [{ tokens: [1, 2], mask: [0, 0] }]);
    expect(result).toEqual({ mean: NaN });
    expect(await ask(handlerOf(server.url, 'identity'), [[1, NaN, 2]])).toEqual([{ y: [1, NaN, 2] }]);
  });

  test("takes Python's infinities, and leaves strings alone that look like them", async () => {
    const outputs = `[{"name":"y","datatype":"FP32","shape":[1,3],"data":[Infinity,-Infinity,NaN]},
      {"name":"z","datatype":"BYTES","shape":[1,2],"data":["NaN, -Infinity","\\"NaN"]}]`;
    await using server = await serveModels({ answer: infers({ body: `{"model_name":"m","outputs":${outputs}}` }) });
    const [result] = await ask(handlerOf(server.url, 'double'), [[1, 2, 3]]);
    expect(result).toEqual({ y: [Infinity, -Infinity, NaN], z: ['NaN, -Infinity', '"NaN'] });
  });

  test('has no infinity: the element that has one fails alone', async () => {
    await using server = await serveModels();
    const batch = [
      [1, 2, 3],
      [4, -Infinity, 6],
      [7, 8, 9],
    ];
    const [first, second, third] = await ask(handlerOf(server.url, 'double'), batch);
    expect([first, third]).toEqual([{ y: [2, 4, 6] }, { y: [14, 16, 18] }]);
    expect(second).toMatchObject({ name: 'InputMismatchError', message: expect.stringContaining("'binary: true'") });
  });
});

describe('BF16', () => {
  const bf16 = { name: 'x', datatype: 'BF16', shape: [-1, 4] };
  const metadata = { body: JSON.stringify({ name: 'double', inputs: [bf16], outputs: [] }) };

  test('goes and comes as raw bytes, rounded to the nearest, ties to even', async () => {
    // 1 + 2^-8 is between 1 and 1 + 2^-7, 1 + 3·2^-8 between 1 + 2^-7 and 1 + 2^-6.
    const values = [1 + 2 ** -8, 1 + 3 * 2 ** -8, -3.5, NaN];
    await using server = await serveModels({
      answer: ({ path, body, json, headers }) => {
        if (path === 'GET v2/models/double') return metadata;
        if (!path.endsWith('/infer')) return undefined;
        const { name, ...input } = (json['inputs'] as { name: string }[])[0] ?? {};
        const text = JSON.stringify({ model_name: 'double', outputs: [{ name: `${name}y`, ...input }] });
        const tensors = body.subarray(Number(headers['inference-header-content-length']));
        const length = { 'inference-header-content-length': String(Buffer.byteLength(text)) };
        return { headers: length, body: Buffer.concat([Buffer.from(text), tensors]) };
      },
    });
    const results = await ask(handlerOf(server.url, 'double', { binary: true }), [values, [0, -0, 1e39, 2 ** -133]]);
    expect(results).toEqual([{ xy: [1, 1 + 2 ** -6, -3.5, NaN] }, { xy: [0, -0, Infinity, 2 ** -133] }]);
    expect(server.inferred()[0]?.['inputs']).toMatchObject([
      { datatype: 'BF16', parameters: { binary_data_size: 16 } },
    ]);
  });
});

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
      "'inferenceArgs' has 'stop', which is no input of the model",
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
        const codes = batch.flatMap((text) => [...text].map((letter) => letter.charCodeAt(0)));
        return { x: { datatype: 'FP32', shape: [batch.length, 3], data: Float32Array.from(codes) } } as const;
      }
    }
    const letters = new Letters({ endpoint: server.url, modelName: 'double' });
    const results = await letters.request(['abc', 'xyz'], await letters.createClient(), { signal });
    expect(results).toEqual([{ y: [194, 196, 198] }, { y: [240, 242, 244] }]);
  });
});

describe('a server describes its model', () => {
  async function describeModel(options: ModelServerOptions, model = 'double', own: Options = {}) {
    await using server = await serveModels(options);
    const handler = handlerOf(server.url, model, own);
    return await handler.describe(await handler.createClient(), { signal });
  }

  function says(path: string, answer: RawAnswer): ModelServerOptions {
    return { answer: (call) => (call.path === path ? answer : undefined) };
  }

  test('its version, and what it takes', async () => {
    const inputs = [{ name: 'x', datatype: 'FP32', shape: [-1, 3] }];
    expect(await describeModel({})).toEqual({ label: '3', digest: 'double:3', inputs });
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

  test('or not at all: its inputs are declared by hand then', async () => {
    const silent = says('GET v2/models/double', { body: '{"name":"double","inputs":[],"outputs":[]}' });
    const error = await failureOf(describeModel(silent));
    expect(error).toMatchObject({ name: 'EndpointModelError', disposition: 'fatal' });
    expect(error.message).toContain("declares no inputs: say in 'inputs' what the model takes");
    const inputs = [{ name: 'x', datatype: 'FP32', shape: [-1, 3] }] as const;
    expect(await describeModel(silent, 'double', { inputs })).toMatchObject({ inputs });
  });

  test('where an unknown model ends the run', async () => {
    const error = await failureOf(describeModel({}, 'nobody'));
    expect(error).toMatchObject({ name: 'EndpointModelError', disposition: 'fatal', status: 404 });
    expect(error.message).toMatch(/^model 'nobody' at http:.*check the model's name.*Model nobody not found$/);
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

function infers(answer: RawAnswer): NonNullable<ModelServerOptions['answer']> {
  return ({ path }) => (path.endsWith('/infer') ? answer : undefined);
}

describe('an answer that is not of the protocol is told from one that is', () => {
  const output = { name: 'y', datatype: 'FP32', shape: [1, 3], data: [1, 2, 3] };
  const outputs = (...changes: object[]): string =>
    JSON.stringify({ model_name: 'double', outputs: changes.map((change) => ({ ...output, ...change })) });

  test.for([
    ['oops', 'retry', 'a body that is not JSON: check its address'],
    ['<html><title>Log in</title>', 'retry', "an HTML page, 'Log in'"],
    ['', 'retry', 'nothing: check its address'],
    ['[1]', 'poison', 'JSON that is no object'],
    ['{"predictions":[1]}', 'poison', "JSON without 'outputs'"],
    ['{"id":"other","outputs":[]}', 'retry', 'the response to another request'],
    [outputs({ name: undefined }), 'poison', 'an output without a name'],
    [outputs({ datatype: 'FP8' }), 'poison', "an output 'y' of a datatype that the protocol does not have"],
    [outputs({ shape: 3 }), 'poison', "an output 'y' without a shape"],
    [outputs({ data: [1, 2] }), 'poison', "2 values for its output 'y' of shape [1, 3]"],
    [outputs({ data: [1, 2, 'x'] }), 'poison', "values of its output 'y' that are no FP32"],
    [outputs({ data: undefined }), 'poison', "no data for its output 'y'"],
    [outputs({ datatype: 'UINT8', data: [1, 2, 256] }), 'poison', "values of its output 'y' that are no UINT8"],
    [outputs({ datatype: 'INT64', data: [1, 2, 0.5] }), 'poison', "values of its output 'y' that are no INT64"],
    [outputs({ datatype: 'BYTES', data: ['a', 'b', 3] }), 'poison', "values of its output 'y' that are no BYTES"],
    [outputs({ shape: [3] }), 'poison', "an output 'y' of shape [3] for 1 elements, so it has no row for each"],
    [outputs({ name: 'z' }), 'poison', "no output 'y': its outputs are [z]"],
  ] as const)('%s', async ([body, disposition, words]) => {
    await using server = await serveModels({ answer: infers({ body }) });
    const error = await failureOf(ask(handlerOf(server.url, 'double', { outputNames: ['y'] }), [[1, 2, 3]]));
    expect(error).toMatchObject({ name: 'EndpointProtocolError', disposition });
    expect(error.message).toContain(`model 'double' at ${server.url} answered with ${words}`);
  });

  test.for([
    [12, { binary_data_size: 12 }, 'FP32', [1, 3], undefined],
    [11, { binary_data_size: 11 }, 'FP32', [1, 3], "11 bytes for its output 'y' of datatype FP32 and shape [1, 3]"],
    [16, { binary_data_size: 12 }, 'FP32', [1, 3], '16 bytes of tensors, where its outputs say 12'],
    [8, { binary_data_size: 12 }, 'FP32', [1, 3], "8 bytes for its output 'y' of datatype FP32"],
    [12, { binary_data_size: 12 }, 'BYTES', [1, 3], undefined],
    [12, { binary_data_size: 12 }, 'BYTES', [1, 2], "12 bytes for its output 'y' of datatype BYTES and shape [1, 2]"],
    [10, { binary_data_size: 10 }, 'BYTES', [1, 3], "10 bytes for its output 'y' of datatype BYTES"],
  ] as const)('%i raw bytes with %j for %s %j', async ([length, parameters, datatype, shape, words]) => {
    const header = outputs({ datatype, shape, parameters, data: undefined });
    const headers = { 'inference-header-content-length': String(header.length) };
    const body = Buffer.concat([Buffer.from(header), Buffer.alloc(length)]);
    await using server = await serveModels({ binary: true, answer: infers({ headers, body }) });
    const asked = ask(handlerOf(server.url, 'double'), [[1, 2, 3]]);
    if (words === undefined) expect(await asked).toHaveLength(1);
    else expect((await failureOf(asked)).message).toContain(words);
  });

  test('an output without a row for each element, with what to do about it', async () => {
    await using server = await serveModels();
    const error = await failureOf(
      ask(handlerOf(server.url, 'bad-output'), [
        [1, 2],
        [3, 4],
      ]),
    );
    expect(error.message).toContain("leave it out by naming the others in 'outputNames'");
    expect(
      await ask(handlerOf(server.url, 'bad-output', { outputNames: ['y'] }), [
        [1, 2],
        [3, 4],
      ]),
    ).toHaveLength(2);
  });

  test('ends the run where there was never another', async () => {
    await using server = await serveModels({ answer: infers({ body: '{"predictions":[[1]]}' }) });
    const handler = handlerOf(server.url, 'double');
    const client = await handler.createClient();
    for (let count = 1; count < 5; count += 1) {
      expect(await failureOf(handler.request([[1, 2, 3]], client, { signal }))).toMatchObject({
        disposition: 'poison',
      });
    }
    expect(await failureOf(handler.request([[1, 2, 3]], client, { signal }))).toMatchObject({ disposition: 'fatal' });
  });
});

describe('secrets', () => {
  const TOKEN = 'tok-7d1f0e5b';

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

describe('a handler can not be created', () => {
  test.for([
    [{ endpoint: 'triton:8000' }, "as 'endpoint' must be an http:// or https:// URL"],
    [{ endpoint: 'https://me:s3cr3t@a.b' }, "as 'endpoint' must not hold a user or a password"],
    [{ modelName: '' }, "as 'modelName' must be a model's name"],
    [{ headers: { Authorization: 'Bearer s3cr3t' } }, "as 'headers' must not hold 'Authorization'"],
    [{ bearerToken: 's3cr3t' as never }, "as 'bearerToken' must be a reference"],
    [{ secretHeaders: { a: 's3cr3t' as never } }, "as 'secretHeaders.a' must be a reference"],
    [{ inputs: [{ name: 'x', datatype: 'float32' as never, shape: [-1] }] }, "as each of 'inputs' must have"],
    [{ padding: { axis: 0 } }, "as 'padding.axis' must be an integer of at least 1"],
  ] as const satisfies readonly (readonly [Options, string])[])('with %j', ([options, words]) => {
    const create = (): unknown => new OpenInferenceModelHandler({ endpoint: 'http://a.b', modelName: 'm', ...options });
    expect(create).toThrow(`Cannot create OpenInferenceModelHandler ${words}`);
    expect(create).not.toThrow(/s3cr3t/);
  });
});
