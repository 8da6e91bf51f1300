import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ask, askLocally, handlerOf, infers, signal } from './ask.ts';
import { type ModelServerOptions, serveModels } from './model-server.ts';

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

function asNumber(integer: bigint): bigint | number {
  return Number.isSafeInteger(Number(integer)) ? Number(integer) : integer;
}

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
    const handler = handlerOf(server.url, 'identity', { missing: 'nan' });
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
    const outputNames = ['u64_out', 'f64_out', 'i64_out'];
    const handler = handlerOf(server.url, 'dtypes', { outputNames, missing: 'nan' });
    const client = await handler.createClient();
    const finite = fc.double({ noDefaultInfinity: true });
    const element = fc.record({
      f64: fc.tuple(finite, finite),
      i64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      u64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(element, { minLength: 1, maxLength: 4 }), async (batch) => {
        const results = await handler.request(
          batch.map((values) => ({ ...EVERY_DATATYPE[0], ...values })),
          client,
          { signal },
        );
        const expected = batch.map(({ f64, i64, u64 }) => ({
          u64_out: asNumber(u64),
          f64_out: f64,
          i64_out: asNumber(i64),
        }));
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
    expect(await ask(handlerOf(server.url, 'identity'), [[1, 'NaN', 2]])).toEqual([{ y: [1, NaN, 2] }]);
  });

  test("takes missing values as missing: 'nan' says", async () => {
    await using server = await serveModels();
    const identity = handlerOf(server.url, 'identity', { missing: 'nan' });
    expect(await ask(identity, [[1, null, NaN, '']])).toEqual([{ y: [1, NaN, NaN, NaN] }]);
    const [refused] = await ask(handlerOf(server.url, 'identity'), [[1, null]]);
    expect(refused).toMatchObject({ message: expect.stringContaining("input 'x'[1] must be FP32: got null") });
    expect(() => handlerOf(server.url, 'identity', { missing: 'null' as 'nan' })).toThrow("'nan' or 'fail'");
  });

  test('has a form for U+0000 in text', async () => {
    const output = '{"name":"text_out","datatype":"BYTES","shape":[1],"data":["a"]}';
    await using server = await serveModels({ answer: infers({ body: `{"model_name":"m","outputs":[${output}]}` }) });
    await ask(handlerOf(server.url, 'dtypes'), [{ ...EVERY_DATATYPE[0], text: 'before\0after' }]);
    const inputs = server.inferred()[0]?.['inputs'];
    expect(inputs).toContainEqual(expect.objectContaining({ name: 'text', data: ['before\0after'] }));
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
    const values = [1 + 2 ** -8, 1 + 3 * 2 ** -8, -3.5, 'NaN'];
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
