import { describe, expect, test } from 'vitest';
import { handlerOf, type Options, request, smallModel } from './small-model.ts';

const service = smallModel();

function embed(texts: readonly unknown[], options: Options<'embeddings'> = {}) {
  return request(handlerOf<'embeddings'>(service.url, { task: 'embeddings', ...options }), texts);
}

describe("embeddings of OpenAI's API", () => {
  test('asks for a batch with one request', async () => {
    expect(await embed(['a', 'bcd'], { dimensions: 2, extraBody: { user: 'u' } })).toEqual([
      [1, 0.5],
      [3, 0.5],
    ]);
    expect(service.requests.at(-1)?.path).toBe('/v1/embeddings');
    expect(service.requests.at(-1)?.json).toEqual({ model: 'small', input: ['a', 'bcd'], dimensions: 2, user: 'u' });
  });

  test('puts the vectors in the order of their texts', async () => {
    const data = [
      { index: 2, embedding: [2] },
      { index: 0, embedding: [0] },
      { index: 1, embedding: [1] },
    ];
    service.answers(() => ({ body: { data } }));
    expect(await embed(['a', 'b', 'c'])).toEqual([[0], [1], [2]]);
  });

  test('sends the texts that are some, and fails the others by themselves', async () => {
    const [first, second, third, fourth] = await embed(['', 'bcd', 7, 'e']);
    expect(service.requests.at(-1)?.json['input']).toEqual(['bcd', 'e']);
    expect([second, fourth]).toEqual([
      [3, 0.5],
      [1, 0.5],
    ]);
    expect(first).toMatchObject({ name: 'InputMismatchError', message: expect.stringContaining('got an empty one') });
    expect(third).toMatchObject({ name: 'InputMismatchError', message: expect.stringContaining('got number') });
    const before = service.requests.length;
    expect(await embed([''])).toMatchObject([{ name: 'InputMismatchError' }]);
    expect(service.requests.length).toBe(before);
  });

  test.for<readonly [unknown, string]>([
    [{ data: [{ index: 0, embedding: [1] }] }, '1 embeddings for 2 texts'],
    [
      {
        data: [
          { index: 0, embedding: [1] },
          { index: 0, embedding: [1] },
        ],
      },
      'no embedding with the index 1',
    ],
    [
      {
        data: [
          { index: 0, embedding: [1] },
          { index: 5, embedding: [1] },
        ],
      },
      'no embedding with the index 1',
    ],
    [
      {
        data: [
          { index: 0, embedding: 'AAAA' },
          { index: 1, embedding: [1] },
        ],
      },
      'not a list of numbers',
    ],
    [{ data: [null, null] }, 'not a list of numbers'],
    [{ embeddings: [] }, "without a list of 'data'"],
  ])('is not content with %o', async ([body, message]) => {
    service.answers(() => ({ body }));
    await expect(embed(['a', 'b'])).rejects.toMatchObject({
      name: 'EndpointProtocolError',
      disposition: 'poison',
      message: expect.stringContaining(message),
    });
  });

  test.for<readonly [unknown, Readonly<Record<string, unknown>>]>([
    [
      { input: 'abc', dimensions: 3, user: 'u' },
      { input: ['abc'], dimensions: 3, user: 'u' },
    ],
    [
      { custom_id: 'a', method: 'POST', url: '/v1/embeddings', body: { model: 'small', input: 'abc', dimensions: 3 } },
      { input: ['abc'], dimensions: 3 },
    ],
    [
      { input: 'abc', encoding_format: 'float' },
      { input: ['abc'], dimensions: 2, encoding_format: 'float' },
    ],
    [{ input: [101, 102, 103] }, { input: [[101, 102, 103]], dimensions: 2 }],
  ])('sends all that %j states', async ([element, body]) => {
    expect(await embed([element], { dimensions: 2 })).toEqual([[3, 0.5]]);
    expect(service.requests.at(-1)?.json).toEqual({ model: 'small', ...body });
  });

  test('puts options and extraBody before nothing, then the element, then arguments', async () => {
    const handler = handlerOf<'embeddings'>(service.url, {
      task: 'embeddings',
      dimensions: 1,
      extraBody: { user: 'extra', truncate: true, priority: 1 },
    });
    await request(handler, [{ input: 'abc', user: 'own', priority: 2 }], { priority: 3 });
    expect(service.requests.at(-1)?.json).toEqual({
      model: 'small',
      input: ['abc'],
      dimensions: 1,
      user: 'own',
      truncate: true,
      priority: 3,
    });
  });

  test('gives a list of vectors for a list of texts', async () => {
    expect(await embed(['a', { input: ['bc', 'def'] }, 'ghij'])).toEqual([
      [1, 0.5],
      [
        [2, 0.5],
        [3, 0.5],
      ],
      [4, 0.5],
    ]);
    expect(service.requests.at(-1)?.json['input']).toEqual(['a', 'bc', 'def', 'ghij']);
  });

  test('never puts elements with different parameters in one request', async () => {
    const elements = ['a', { input: 'bc', dimensions: 3 }, { dimensions: 3, input: 'def' }, { input: [1, 2, 3, 4] }];
    const handler = handlerOf<'embeddings'>(service.url, { task: 'embeddings' });
    const keys = elements.map((element) => handler.batchKey(element as string));
    expect(new Set(keys)).toEqual(new Set(['', keys[1], 'tokens']));
    expect(keys[1]).toBe(keys[2]);
    const before = service.requests.length;
    expect(await request(handler, elements)).toEqual([1, 2, 3, 4].map((length) => [length, 0.5]));
    expect(service.requests.slice(before).map(({ json }) => json)).toEqual([
      { model: 'small', input: ['a'] },
      { model: 'small', input: ['bc', 'def'], dimensions: 3 },
      { model: 'small', input: [[1, 2, 3, 4]] },
    ]);
  });

  test('keeps models apart where elements name them', async () => {
    const handler = handlerOf<'embeddings'>(service.url, { task: 'embeddings', modelName: { field: 'model' } });
    const elements = [
      { input: 'a', model: 'one' },
      { input: 'bc', model: 'two' },
    ];
    expect(new Set(elements.map((element) => handler.batchKey(element))).size).toBe(2);
    const before = service.requests.length;
    await request(handler, elements);
    expect(service.requests.slice(before).map(({ json }) => json['model'])).toEqual(['one', 'two']);
  });

  test('never puts more inputs in a request than the API takes', async () => {
    const many = Array.from({ length: 1500 }, () => 'a');
    const before = service.requests.length;
    expect(await embed([{ input: many }, { input: many }, 'bc'])).toEqual([
      many.map(() => [1, 0.5]),
      many.map(() => [1, 0.5]),
      [2, 0.5],
    ]);
    const sizes = service.requests.slice(before).map(({ json }) => (json['input'] as readonly string[]).length);
    expect(sizes).toEqual([1500, 1501]);
  });

  test.for<readonly [unknown, string]>([
    [{ input: '' }, 'not empty: got an empty one'],
    [{ input: [] }, 'got a list of 0'],
    [{ input: ['a', ''] }, 'got a list of 2'],
    [{ input: ['a', [1]] }, 'got a list of 2'],
    [{ text: 'a' }, "got an object without 'input', which has 'text'"],
    [['a', 'b'], 'got a list of 2'],
    [null, 'got null'],
    [{ input: 'a', encoding_format: 'base64' }, "'encoding_format' must be 'float'"],
    [{ input: 'a', model: 'large' }, "'model' is 'large'"],
    [{ custom_id: 'a', url: '/v1/chat/completions', body: { input: 'a' } }, "'/v1/embeddings': got '/v1/chat"],
    [{ custom_id: 'a', body: { messages: [] } }, "which has 'messages'"],
  ])('fails %j by name, beside one that is right', async ([element, message]) => {
    const [first, second] = await embed([element, 'abc']);
    expect(first).toMatchObject({ name: 'InputMismatchError', message: expect.stringContaining(message) });
    expect(second).toEqual([3, 0.5]);
  });

  test('weighs elements by all their inputs', () => {
    const { batching } = handlerOf<'embeddings'>(service.url, { task: 'embeddings' });
    const weigh = batching.elementSizeFn as (element: unknown) => number;
    const texts = ['sixteen letters.', 'eight...'];
    expect([{ input: texts }, { body: { input: texts } }, { input: [1, 2, 3] }, { text: 'a' }].map(weigh)).toEqual([
      6, 6, 3, 1,
    ]);
  });

  test('has batches of a fixed size that the API takes', () => {
    const { batching } = handlerOf<'embeddings'>(service.url, { task: 'embeddings' });
    expect(batching).toMatchObject({ minBatchSize: 256, maxBatchSize: 256, maxBatchWeight: 240_000 });
    expect(batching.elementSizeFn?.('sixteen letters.')).toBe(4);
    const smaller = handlerOf<'embeddings'>(service.url, {
      task: 'embeddings',
      maxBatchSize: 32,
      rateLimits: [{ weight: 9000, per: 'minute' }],
    });
    expect(smaller.batching).toMatchObject({ minBatchSize: 32, maxBatchSize: 32, maxBatchWeight: 9000 });
    const own = handlerOf<'embeddings'>(service.url, {
      task: 'embeddings',
      maxBatchWeight: 70,
      elementSizeFn: () => 7,
    });
    expect(own.batching.elementSizeFn?.('sixteen letters.')).toBe(7);
    expect(() => handlerOf<'embeddings'>(service.url, { task: 'embeddings', maxBatchSize: 2049 })).toThrow(
      /at most 2048/,
    );
  });
});
