import { readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { random } from '../../bench/random.ts';
import { ModelStore } from '../../lib/models/model-store.ts';
import { temporaryFolder, writeIn } from '../temporary-folder.ts';
import { ModelBucket, cached, flipped, sha256 } from './model-bucket.ts';

const bucket = new ModelBucket();

/** Overwrites it, leaving size and time as they were. */
async function corrupt(path: string): Promise<void> {
  const { atime, mtime } = await stat(path);
  await writeFile(path, flipped(await readFile(path)));
  await utimes(path, atime, mtime);
}

describe('a cached model', () => {
  test('that was corrupted is fetched again by the next process', async () => {
    const { store, folder } = await bucket.openStore();
    const uri = await bucket.put('c/m.onnx', 'content');
    const { path } = await store.acquire(uri);
    await corrupt(path);
    const watch = bucket.watched();
    const again = await bucket.anotherOn(folder, watch).acquire(uri);
    expect(again.digest).toBe(sha256('content'));
    expect(await readFile(again.path, 'utf8')).toBe('content');
    expect(watch.reads).toEqual(['c/m.onnx']);
  });

  test.each([
    ['is cut short', (path: string) => writeFile(path, 'cont')],
    ['is gone', (path: string) => rm(path)],
    ['has lost its note', (path: string) => rm(join(path, '../../entry.json'))],
    ['has a note that says nothing', (path: string) => writeFile(join(path, '../../entry.json'), '{')],
  ])('that %s is fetched again', async (_, harm) => {
    const { store, folder } = await bucket.openStore();
    const uri = await bucket.put('c/m.onnx', 'content');
    await harm((await store.acquire(uri)).path);
    expect(await readFile((await bucket.anotherOn(folder).acquire(uri)).path, 'utf8')).toBe('content');
  });

  test('that turned out to be another is fetched again', async () => {
    const { store, reads } = await bucket.openStore();
    const uri = await bucket.put('c/m.onnx', 'content');
    const held = await store.acquire(uri);
    await corrupt(held.path);
    if (held.version !== undefined) await store.discard(held.version);
    const again = await store.acquire(uri);
    expect(await readFile(again.path, 'utf8')).toBe('content');
    expect(reads).toEqual(['c/m.onnx', 'c/m.onnx']);
    // The first holder lets go of what is not there any more.
    await held.release();
    expect(await readFile(again.path, 'utf8')).toBe('content');
  });
});

test('processes that share a cache fetch side by side, evict, and never take from each other what they hold', async () => {
  const folder = await temporaryFolder();
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  const uris = await Promise.all(names.map((name) => bucket.put(`shared/${name}.onnx`, name.repeat(10))));
  const next = random(1);
  await Promise.all(
    [1, 2, 3].map(async () => {
      const store = bucket.anotherOn(folder, bucket.watched(), 25);
      for (let round = 0; round < 40; round += 1) {
        const place = Math.floor(next() * names.length);
        const held = await store.acquire(uris[place] ?? '');
        expect(await readFile(held.path, 'utf8')).toBe(names[place]?.repeat(10));
        await new Promise((resolve) => setImmediate(resolve));
        expect(await readFile(held.path, 'utf8')).toBe(names[place]?.repeat(10));
        await held.release();
      }
    }),
  );
  expect((await readdir(folder)).filter((name) => name.includes('-'))).toEqual([]);
  await (
    await bucket.anotherOn(folder, bucket.watched(), 25).acquire(await bucket.put('shared/last.onnx', 'last'))
  ).release();
  expect((await cached(folder)).length).toBeLessThanOrEqual(3);
});

describe('the bound of the cache', () => {
  test('lets go of what was used least recently, and never of what is held', async () => {
    const { store, folder, reads } = await bucket.openStore(bucket.watched(), 25);
    const uris = await Promise.all(['a', 'b', 'c', 'd'].map((name) => bucket.put(`lru/${name}.onnx`, name.repeat(10))));
    const [a = '', b = '', c = '', d = ''] = uris;
    const held = await store.acquire(a);
    await (await store.acquire(b)).release();
    await (await store.acquire(c)).release();
    expect((await cached(folder)).toSorted()).toEqual(['a.onnx', 'c.onnx']);
    await held.release();
    await (await store.acquire(c)).release();
    await (await store.acquire(d)).release();
    expect((await cached(folder)).toSorted()).toEqual(['c.onnx', 'd.onnx']);
    expect(reads).toEqual(['a', 'b', 'c', 'd'].map((name) => `lru/${name}.onnx`));
    expect((await readdir(folder)).filter((name) => name.includes('-'))).toEqual([]);
  });

  test('does not keep a model out that is larger by itself', async () => {
    const { store, folder } = await bucket.openStore(bucket.watched(), 5);
    const [small, large] = await Promise.all([
      bucket.put('big/s.onnx', 'tiny'),
      bucket.put('big/l.onnx', 'more than five'),
    ]);
    await (await store.acquire(small)).release();
    const { path } = await store.acquire(large);
    expect(await readFile(path, 'utf8')).toBe('more than five');
    expect(await cached(folder)).toEqual(['l.onnx']);
  });

  test('leaves what another living process holds, and removes what a dead one left', async () => {
    const { store, folder } = await bucket.openStore(bucket.watched(), 15);
    const [a, b, c] = await Promise.all(
      ['a', 'b', 'c'].map((name) => bucket.put(`held/${name}.onnx`, name.repeat(10))),
    );
    const held = await store.acquire(a ?? '');
    const holds = join(held.path, '../../in-use');
    const [own = ''] = await readdir(holds);
    const [id, , startedAt, host] = own.split('~');
    const ofProcess = (pid: number): string => join(holds, [id, pid, startedAt, host].join('~'));
    await rename(join(holds, own), ofProcess(process.ppid));
    await (await store.acquire(b ?? '')).release();
    expect((await cached(folder)).toSorted()).toEqual(['a.onnx', 'b.onnx']);

    const nobody = 2 ** 22 + 1;
    await rename(ofProcess(process.ppid), ofProcess(nobody));
    await writeIn(folder, `fetching-x~${nobody}~${startedAt}~${host}/model/half.onnx`, 'half');
    await (await store.acquire(c ?? '')).release();
    expect(await cached(folder)).toEqual(['c.onnx']);
    expect(await readdir(folder)).toHaveLength(1);
  });

  test('is refused where it is no number of bytes', async () => {
    vi.stubEnv('FABRIC_MODEL_CACHE_BYTES', '5 GB');
    const { store } = await bucket.openStore();
    const uri = await bucket.put('a/m.onnx', 'one');
    await expect(store.acquire(uri)).rejects.toThrow('FABRIC_MODEL_CACHE_BYTES must be a positive integer');
    vi.unstubAllEnvs();
  });

  test('is not that of a folder which somebody else has made', async () => {
    vi.stubEnv('TMPDIR', await temporaryFolder());
    const getuid = vi.spyOn(process, 'getuid').mockReturnValue(12_345);
    const store = new ModelStore();
    const uri = await bucket.put('a/m.onnx', 'one');
    await expect(store.acquire(uri)).rejects.toThrow(
      /inference-fabric-models-12345 belongs to another user: set FABRIC_MODEL_CACHE/,
    );
    getuid.mockRestore();
    vi.unstubAllEnvs();
  });

  test('and its folder can be set for all processes', async () => {
    const folder = await temporaryFolder();
    vi.stubEnv('FABRIC_MODEL_CACHE', join(folder, 'models'));
    vi.stubEnv('FABRIC_MODEL_CACHE_BYTES', '12');
    const store = new ModelStore();
    for (const name of ['a', 'b'])
      await (await store.acquire(await bucket.put(`env/${name}.onnx`, name.repeat(10)))).release();
    expect(await cached(join(folder, 'models'))).toEqual(['b.onnx']);
    vi.unstubAllEnvs();
  });
});
