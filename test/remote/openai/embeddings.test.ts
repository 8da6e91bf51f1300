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
      'no embedding of the index 1',
    ],
    [
      {
        data: [
          { index: 0, embedding: [1] },
          { index: 5, embedding: [1] },
        ],
      },
      'no embedding of the index 1',
    ],
    [
      {
        data: [
          { index: 0, embedding: 'AAAA' },
          { index: 1, embedding: [1] },
        ],
      },
      'no list of numbers',
    ],
    [{ data: [null, null] }, 'no list of numbers'],
    [{ embeddings: [] }, "without a list of 'data'"],
  ])('is not content with %o', async ([body, message]) => {
    service.answers(() => ({ body }));
    await expect(embed(['a', 'b'])).rejects.toMatchObject({
      name: 'EndpointProtocolError',
      disposition: 'poison',
      message: expect.stringContaining(message),
    });
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
