import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { getText, type ObjectAddress, type ObjectStore, type StoredObject } from '../../lib/stores/object-store.ts';
import { temporaryFolder } from '../temporary-folder.ts';

export interface ObjectStoreUnderTest extends AsyncDisposable {
  readonly store: ObjectStore;
  /** A bucket that exists; the suite keeps to keys of its own in it. */
  readonly bucket: string;
}

/** Larger than what goes up in one request. */
const LARGE_BYTES = 12 * 1024 * 1024;
const RACES = [
  { writers: 20, size: 5 },
  { writers: 4, size: LARGE_BYTES },
];
const KEYS = ['a b', 'a+b', 'a%2Fb', 'a%41', 'a#b', 'a?b=c', 'ä', '🧪/ﬀ', "a'(b)*!", 'a&amp;<b>', 'a=b;c,d', '$@:~'];

interface ObjectStoreSuite {
  readonly open: () => Promise<ObjectStoreUnderTest>;
  /** What this store is known not to do, by the names of the tests: why not. */
  readonly departures?: Readonly<Record<string, string>>;
}

/** What every object store promises. */
export function describeObjectStore(name: string, { open, departures = {} }: ObjectStoreSuite): void {
  describe(name, () => {
    beforeEach(({ task, skip }) => skip(departures[task.name] !== undefined, departures[task.name]));
    let opened: ObjectStoreUnderTest;
    let store: ObjectStore;
    const at = (key: string, folder = randomUUID()): ObjectAddress => ({
      bucket: opened.bucket,
      key: `${folder}/${key}`,
    });
    beforeAll(async () => {
      opened = await open();
      store = opened.store;
    });
    afterAll(() => opened[Symbol.asyncDispose]());

    test('gives back what was put, with its metadata', async () => {
      const address = at('part.jsonl');
      const metadata = { job: 'a1b2', counts: '{"total":3}' };
      const put = await store.put(address, 'zwölf\n', { metadata, contentType: 'application/x-ndjson' });
      const info = await store.head(address);
      expect(info).toMatchObject({ etag: put?.etag, byteLength: 7, metadata });
      expect(Math.abs(Date.now() - (info?.lastModified.getTime() ?? 0))).toBeLessThan(60_000);
      expect(await getText(store, address)).toEqual({ text: 'zwölf\n', info });
    });

    test('replaces an object as a whole, metadata and all', async () => {
      const address = at('object');
      const first = await store.put(address, 'first', { metadata: { job: 'a' } });
      const second = await store.put(address, 'other');
      expect(second?.etag).not.toBe(first?.etag);
      expect(await getText(store, address)).toMatchObject({
        text: 'other',
        info: { etag: second?.etag, metadata: {} },
      });
    });

    test('has nothing where nothing was put', async () => {
      const address = at('missing');
      expect(await store.head(address)).toBeUndefined();
      expect(await store.get(address)).toBeUndefined();
      expect(await store.get(address, { range: { start: 0, end: 10 } })).toBeUndefined();
      expect(await store.copy(address, at('copy'))).toBe(false);
      await store.delete(address);
    });

    test('removes an object', async () => {
      const address = at('object');
      await store.put(address, 'gone soon', { metadata: { job: 'a' } });
      await store.delete(address);
      expect(await store.head(address)).toBeUndefined();
      await store.put(address, 'back');
      expect(await store.head(address)).toMatchObject({ metadata: {} });
    });

    test('keeps an empty object, whatever range of it is asked for', async () => {
      const address = at('_SUCCESS');
      await store.put(address, '', { only: 'absent' });
      expect(await store.head(address)).toMatchObject({ byteLength: 0 });
      for (const range of [undefined, { start: 0, end: 0 }, { start: 0, end: 10 }, { start: 5, end: 10 }]) {
        const object = await store.get(address, range && { range });
        expect(object?.info.byteLength).toBe(0);
        expect(await textOf(object)).toBe('');
      }
    });

    test('gives the bytes of a range, cut at the end, and the length of the whole', async () => {
      const address = at('object');
      await store.put(address, '0123456789');
      const ranges = [
        [0, 10],
        [0, 1],
        [3, 7],
        [9, 10],
        [8, 100],
        [4, Infinity],
        [5, 5],
        [10, 20],
        [30, 40],
      ] as const;
      for (const [start, end] of ranges) {
        const object = await store.get(address, { range: { start, end } });
        expect(object?.info.byteLength).toBe(10);
        expect(await textOf(object), `${start} to ${end}`).toBe('0123456789'.slice(start, end));
      }
    });

    test('gives an object only while its ETag is the one that is asked for', async () => {
      const address = at('object');
      const ranges = [
        { start: 0, end: 100 },
        { start: 0, end: 3 },
        { start: 3, end: 3 },
        { start: 100, end: 200 },
      ];
      for (const range of ranges) {
        const ifMatch = (await store.put(address, 'first'))?.etag ?? '';
        const object = await store.get(address, { range, ifMatch });
        expect(await textOf(object)).toBe('first'.slice(range.start, range.end));
        await store.put(address, 'second');
        expect(await store.get(address, { range, ifMatch })).toBeUndefined();
        expect(await store.get(address, { ifMatch })).toBeUndefined();
      }
    });

    test('keeps bytes of any size, from memory and from a file', async () => {
      const path = join(await temporaryFolder(), 'spool');
      for (const size of [1, 100_000, LARGE_BYTES]) {
        const bytes = patternOf(size);
        await writeFile(path, bytes);
        for (const body of [bytes, { path }]) {
          const address = at('object');
          const put = await store.put(address, body, { metadata: { size: String(size) } });
          const object = await store.get(address);
          expect(object?.info).toMatchObject({ etag: put?.etag, byteLength: size, metadata: { size: String(size) } });
          expect((await bytesOf(object)).equals(bytes)).toBe(true);
        }
      }
    });

    test('lets a reader break off', async () => {
      const address = at('object');
      await store.put(address, patternOf(LARGE_BYTES));
      for (let round = 0; round < 20; round += 1) {
        const object = await store.get(address);
        for await (const chunk of object?.chunks ?? []) {
          expect(chunk.byteLength).toBeGreaterThan(0);
          break;
        }
      }
      expect(await textOf(await store.get(address, { range: { start: 1, end: 2 } }))).toHaveLength(1);
    });

    test.each(RACES)('has one winner among $writers that put $size bytes where no object is', async (race) => {
      const address = at('part');
      const bodies = bodiesOf(race);
      const puts = await Promise.all(
        bodies.map((body, index) => store.put(address, body, { only: 'absent', metadata: { writer: String(index) } })),
      );
      const winner = puts.findIndex((put) => put !== undefined);
      expect(puts.filter((put) => put !== undefined)).toHaveLength(1);
      const object = await store.get(address);
      expect(object?.info).toMatchObject({ etag: puts[winner]?.etag, metadata: { writer: String(winner) } });
      expect((await bytesOf(object)).equals(bodies[winner] ?? Buffer.alloc(0))).toBe(true);
    });

    test.each(RACES)('has one winner among $writers that replace the same object by $size bytes', async (race) => {
      const address = at('manifest');
      const bodies = bodiesOf(race);
      const ifMatch = (await store.put(address, 'first'))?.etag ?? '';
      const puts = await Promise.all(bodies.map((body) => store.put(address, body, { only: { ifMatch } })));
      const winner = puts.findIndex((put) => put !== undefined);
      expect(puts.filter((put) => put !== undefined)).toHaveLength(1);
      const object = await store.get(address);
      expect(object?.info.etag).toBe(puts[winner]?.etag);
      expect((await bytesOf(object)).equals(bodies[winner] ?? Buffer.alloc(0))).toBe(true);
    });

    test('replaces nothing where there is no object to match', async () => {
      const address = at('missing');
      expect(
        await store.put(address, 'text', { only: { ifMatch: '900150983cd24fb0d6963f7d28e17f72' } }),
      ).toBeUndefined();
      expect(await store.head(address)).toBeUndefined();
    });

    test('copies content, not metadata, over what is there', async () => {
      const from = at('errors/part');
      const to = at('errors/copy');
      await store.put(from, 'errors', { metadata: { job: 'a' } });
      await store.put(to, 'older', { metadata: { job: 'b' } });
      expect(await store.copy(from, to)).toBe(true);
      expect(await getText(store, to)).toMatchObject({ text: 'errors', info: { metadata: {} } });
      expect(await store.head(from)).toMatchObject({ metadata: { job: 'a' } });
    });

    test('takes keys as they are', async () => {
      const folder = randomUUID();
      for (const key of KEYS) {
        await store.put(at(key, folder), key);
        expect(await store.copy(at(key, folder), at(`copy of ${key}`, folder))).toBe(true);
      }
      for (const key of KEYS) {
        expect(await getText(store, at(key, folder))).toMatchObject({ text: key });
        expect(await getText(store, at(`copy of ${key}`, folder))).toMatchObject({ text: key });
      }
      const listed = await keysOf(store.list(opened.bucket, `${folder}/`));
      expect(listed).toEqual(
        [...KEYS, ...KEYS.map((key) => `copy of ${key}`)].map((key) => `${folder}/${key}`).sort(byUtf8),
      );
      for (const key of listed) await store.delete({ bucket: opened.bucket, key });
      expect(await keysOf(store.list(opened.bucket, `${folder}/`))).toEqual([]);
    });

    test('lists 1,100 objects once each, in the order of their keys as UTF-8', async () => {
      const folder = randomUUID();
      const starts = ['part-', 'Part_', '_', 'a/B-', 'é', '\uff5e', '💥', '0'];
      const keys = Array.from({ length: 1_100 }, (_, index) => `${folder}/${starts[index % starts.length]}${index}`);
      await eachOf(keys, (key) => store.put({ bucket: opened.bucket, key }, key.slice(-2)));
      await store.put({ bucket: opened.bucket, key: `${folder}0` }, 'not below the folder');
      expect(await keysOf(store.list(opened.bucket, `${folder}/`))).toEqual(keys.toSorted(byUtf8));
      expect(await keysOf(store.list(opened.bucket, `${folder}/a/B-11`))).toEqual(
        keys.filter((key) => key.startsWith(`${folder}/a/B-11`)).sort(byUtf8),
      );
    }, 60_000);

    test('says of what it lists what it says of each', async () => {
      const address = at('object');
      await store.put(address, 'hello');
      const info = await store.head(address);
      for await (const listed of store.list(opened.bucket, address.key)) {
        expect(listed).toMatchObject({ key: address.key, etag: info?.etag, byteLength: 5 });
        expect(Math.abs(listed.lastModified.getTime() - (info?.lastModified.getTime() ?? 0))).toBeLessThan(1_000);
      }
      expect(await keysOf(store.list(opened.bucket, `${address.key}/nothing`))).toEqual([]);
    });

    test('rejects with the reason of a signal', async () => {
      const address = at('object');
      await store.put(address, 'text');
      const reason = new Error('shutting down');
      await expect(store.get(address, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      await expect(store.put(at('never'), 'text', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    });
  });
}

function bodiesOf({ writers, size }: { readonly writers: number; readonly size: number }): Buffer[] {
  return Array.from({ length: writers }, (_, index) => Buffer.alloc(size, `${index},`));
}

async function bytesOf(object: StoredObject | undefined): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of object?.chunks ?? []) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function textOf(object: StoredObject | undefined): Promise<string> {
  expect(object).toBeDefined();
  return (await bytesOf(object)).toString();
}

async function keysOf(listed: AsyncIterable<{ readonly key: string }>): Promise<string[]> {
  return (await Array.fromAsync(listed)).map(({ key }) => key);
}

/** Bytes of which no two stretches are alike, so that what is out of place shows. */
function patternOf(size: number): Buffer {
  const numbers = new Uint32Array(Math.ceil(size / 4));
  for (let index = 0; index < numbers.length; index += 1) numbers[index] = index;
  return Buffer.from(numbers.buffer).subarray(0, size);
}

function byUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

async function eachOf<Item>(items: readonly Item[], work: (item: Item) => Promise<unknown>): Promise<void> {
  const left = items.values();
  const worker = async (): Promise<void> => {
    for (const item of left) await work(item);
  };
  await Promise.all(Array.from({ length: 16 }, worker));
}
