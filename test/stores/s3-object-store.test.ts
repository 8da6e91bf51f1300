import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { openObjectSource } from '../../lib/stores/object-source.ts';
import type { ObjectStore } from '../../lib/stores/object-store.ts';
import { openS3ObjectStore } from '../../lib/stores/s3-object-store.ts';
import { startTestAws, type TestAws } from '../embedded-aws.ts';
import { type Fate, type FlakyProxy, startFlakyProxy } from './flaky-proxy.ts';

const SLOW_DOWN: Fate = { status: 503, code: 'SlowDown' };
const content = Buffer.from(Array.from({ length: 100_000 }, (_, index) => `line ${index}\n`).join(''));

describe('an S3 store', () => {
  let aws: TestAws;
  beforeAll(async () => {
    aws = await startTestAws();
    await aws.createBucket('bucket');
  });
  afterAll(() => aws[Symbol.asyncDispose]());

  test('reads on where a connection broke, as often as it got on at all', async () => {
    const address = { bucket: 'bucket', key: 'broken' };
    await aws.store.put(address, content);
    const { store, proxy } = await behind(() => ({ breakAfterBytes: 200_000 }));
    const object = await store.get(address, { range: { start: 10, end: content.length - 10 } });
    const read = Buffer.concat(await Array.fromAsync(object?.chunks ?? []));
    expect(read.equals(content.subarray(10, -10))).toBe(true);
    expect(proxy.requests.length).toBeGreaterThan(4);
    expect(new Set(proxy.requests.map(({ range }) => range)).size).toBe(proxy.requests.length);
  });

  test('reads on in content whose checksum it would have checked', async () => {
    const address = { bucket: 'bucket', key: 'checked' };
    await aws.store.put(address, content);
    const { store, proxy } = await behind((_request, place) => (place < 3 ? { breakAfterBytes: 200_000 } : 'pass'));
    const object = await store.get(address, { isChecked: true });
    const read = Buffer.concat(await Array.fromAsync(object?.chunks ?? []));
    expect(read.equals(content)).toBe(true);
    expect(proxy.requests).toHaveLength(4);
  });

  test('gives up on a connection that breaks again and again without a byte', async () => {
    const address = { bucket: 'bucket', key: 'broken' };
    await aws.store.put(address, content);
    const { store, proxy } = await behind((_request, place) => ({ breakAfterBytes: place === 0 ? 1_000 : 0 }));
    const object = await store.get(address);
    await expect(Array.fromAsync(object?.chunks ?? [])).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      disposition: 'retry',
    });
    expect(proxy.requests).toHaveLength(4);
  });

  test('never goes on in another object than the one that it began', async () => {
    const address = { bucket: 'bucket', key: 'replaced' };
    await aws.store.put(address, content);
    const { store } = await behind((_request, place) => (place === 0 ? { breakAfterBytes: 1_000 } : 'pass'));
    const object = await store.get(address);
    await aws.store.put(address, content.toReversed());
    await expect(Array.fromAsync(object?.chunks ?? [])).rejects.toMatchObject({ code: 'STORE_OBJECT_CHANGED' });
    const source = await openObjectSource(aws.store, address);
    await aws.store.put(address, content);
    await expect(Array.fromAsync(source.read({ start: 0, end: 10 }))).rejects.toMatchObject({ name: 'SourceGone' });
  });

  test.each([4, 9 * 1024 * 1024])(
    'says of its own put of %i bytes whose answer was lost that it was there',
    async (size) => {
      const address = { bucket: 'bucket', key: `lost-${size}` };
      let losses = 1;
      const { store } = await behind(({ method, url }) => {
        const isLast =
          (method === 'PUT' && !url.includes('partNumber')) || (method === 'POST' && !url.includes('uploads'));
        return isLast && losses-- > 0 ? 'lose the answer' : 'pass';
      });
      expect(await store.put(address, Buffer.alloc(size, 'mine'), { only: 'absent' })).toBeUndefined();
      expect(losses).toBe(-1);
      expect(await aws.store.head(address)).toMatchObject({ byteLength: size });
    },
  );

  test('puts again where two conditional puts got in the way of each other', async () => {
    const address = { bucket: 'bucket', key: 'conflict' };
    const conflict: Fate = { status: 409, code: 'ConditionalRequestConflict' };
    const { store, proxy } = await behind((_request, place) => (place < 2 ? conflict : 'pass'));
    expect(await store.put(address, 'text', { only: 'absent' })).toMatchObject({ etag: expect.any(String) });
    expect(proxy.requests).toHaveLength(3);
  });

  test('leaves no parts behind when a large object cannot be written', async () => {
    const { store, proxy } = await behind(({ method, url }) =>
      method === 'PUT' && url.includes('partNumber=2') ? { status: 403, code: 'AccessDenied' } : 'pass',
    );
    const put = store.put({ bucket: 'bucket', key: 'large' }, Buffer.alloc(12 * 1024 * 1024));
    await expect(put).rejects.toMatchObject({ code: 'STORE_REFUSED' });
    expect(proxy.requests.at(-1)).toMatchObject({ method: 'DELETE' });
    expect(await aws.store.head({ bucket: 'bucket', key: 'large' })).toBeUndefined();
  });

  test('asks again when the store is busy, and says so where that does not help', async () => {
    const address = { bucket: 'bucket', key: 'busy' };
    const { store } = await behind((_request, place) => (place === 0 ? SLOW_DOWN : 'pass'));
    expect(await store.put(address, 'text')).toBeDefined();
    const busy = await behind(() => SLOW_DOWN);
    for (const asking of asksOf(busy.store)) {
      await expect(asking()).rejects.toMatchObject({
        code: 'STORE_THROTTLED',
        disposition: 'throttle',
        message: expect.stringContaining('s3://bucket/'),
      });
    }
  });

  test('is patient with a store that asks for a slower pace, and leaves a pause at once where it is told to', async () => {
    const puts = await behind((_request, place) => (place < 5 ? SLOW_DOWN : 'pass'), 60_000);
    expect(await puts.store.put({ bucket: 'bucket', key: 'patient' }, 'text', { only: 'absent' })).toBeDefined();
    expect(puts.proxy.requests.length).toBe(6);
    const busy = await behind(() => SLOW_DOWN, 60_000);
    const controller = new AbortController();
    const asked = busy.store.head({ bucket: 'bucket', key: 'patient' }, { signal: controller.signal });
    controller.abort(new Error('it is over'));
    await expect(asked).rejects.toThrow('it is over');
  });

  test('names bucket and action where it is refused', async () => {
    const { store } = await behind(() => ({ status: 403, code: 'AccessDenied' }));
    for (const asking of asksOf(store)) {
      await expect(asking()).rejects.toMatchObject({
        code: 'STORE_REFUSED',
        disposition: 'fatal',
        message: expect.stringMatching(/^Cannot (look at|read|write|copy to|delete|list) .*s3:\/\/bucket\//),
      });
    }
    await expect(aws.store.put({ bucket: 'no-such-bucket', key: 'a' }, 'text')).rejects.toMatchObject({
      code: 'STORE_REFUSED',
      message: expect.stringContaining('NoSuchBucket'),
    });
  });

  test('is unavailable where nobody answers', async () => {
    const { store, proxy } = await behind(() => 'pass');
    await proxy[Symbol.asyncDispose]();
    await expect(store.head({ bucket: 'bucket', key: 'a' })).rejects.toMatchObject({ disposition: 'retry' });
  });

  /** The same store behind a network that works as well as it is told to. */
  async function behind(
    fateOf: Parameters<typeof startFlakyProxy>[1],
    patienceMillis = 0,
  ): Promise<{ readonly store: ObjectStore; readonly proxy: FlakyProxy }> {
    const proxy = await startFlakyProxy(aws.endpoint, fateOf);
    const store = openS3ObjectStore({ endpoint: proxy.endpoint, maxAttempts: 2, patienceMillis });
    onTestFinished(async () => {
      store[Symbol.dispose]();
      await proxy[Symbol.asyncDispose]();
    });
    return { store, proxy };
  }
});

function asksOf(store: ObjectStore): (() => Promise<unknown>)[] {
  const address = { bucket: 'bucket', key: 'key' };
  return [
    () => store.head(address),
    () => store.get(address),
    () => store.put(address, 'text'),
    () => store.copy(address, { ...address, key: 'copy' }),
    () => store.delete(address),
    () => Array.fromAsync(store.list('bucket', 'prefix')),
  ];
}
