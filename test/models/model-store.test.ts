import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FabricError } from '../../lib/errors.ts';
import { digestOfOnnxModel } from '../../lib/models/model-digest.ts';
import type { ObjectStore } from '../../lib/stores/object-store.ts';
import { temporaryFolder, writeIn } from '../temporary-folder.ts';
import { cached, ModelBucket, sha256 } from './model-bucket.ts';
import { infer, modelFile, modelFolder } from './model-files.ts';
import { eventually } from '../eventually.ts';

const bucket = new ModelBucket();

describe('a model in S3', () => {
  test('is fetched once a version, whoever asks and however many at once', async () => {
    const { store, folder, reads } = await bucket.openStore();
    const uri = await bucket.put('a/m.onnx', 'one');
    const all = await Promise.all([1, 2, 3].map(() => store.acquire(uri)));
    const paths = all.map(({ path }) => path);
    expect(new Set(paths).size).toBe(1);
    expect(await readFile(paths[0] ?? '', 'utf8')).toBe('one');
    expect(all.map(({ digest }) => digest)).toEqual([1, 2, 3].map(() => sha256('one')));
    expect(reads).toEqual(['a/m.onnx']);
    expect((await store.acquire(uri)).path).toBe(paths[0]);
    expect((await bucket.anotherOn(folder).acquire(uri)).path).toBe(paths[0]);
    expect(reads).toEqual(['a/m.onnx']);
    await bucket.put('a/m.onnx', 'two');
    const { path } = await store.acquire(uri);
    expect(await readFile(path, 'utf8')).toBe('two');
    expect(await readFile(paths[0] ?? '', 'utf8')).toBe('one');
    // Nothing that is half written stays.
    expect(await cached(folder)).toEqual(['m.onnx', 'm.onnx']);
    expect((await readdir(folder)).filter((name) => name.includes('-'))).toEqual([]);
  });

  test('has one version as long as nobody writes it', async () => {
    const { store } = await bucket.openStore();
    const uri = await bucket.put('same/m.onnx', 'one');
    const first = await store.look(uri);
    expect((await store.look(uri)).id).toBe(first.id);
    expect((await store.acquire(uri)).version?.id).toBe(first.id);
    await bucket.put('same/m.onnx', 'two');
    expect((await store.look(uri)).id).not.toBe(first.id);
    // What is here is fetched no more; what is nowhere can't be.
    expect(await readFile((await store.fetch(first)).path, 'utf8')).toBe('one');
    const elsewhere = (await bucket.openStore()).store;
    await expect(elsewhere.fetch(first)).rejects.toMatchObject({ code: 'MODEL_REPLACED', disposition: 'retry' });
  });

  test('brings the files that hold its weights, and goes by their versions too', async () => {
    const { store, folder } = await bucket.openStore();
    for (const name of ['external.onnx', 'external.onnx.data'])
      await bucket.put(`x/${name}`, await readFile(modelFile(name)));
    const uri = 's3://models/x/external.onnx';
    const { path, digest, version } = await store.acquire(uri);
    expect(digest).toBe(await digestOfOnnxModel(modelFile('external.onnx')));
    expect((await store.look(uri)).id).toBe(version?.id);
    const elements = [{ x: [1, 2, 3, 4, 5, 6, 7, 8] }];
    expect(await infer('', elements, { modelUri: path })).toEqual(await infer('external.onnx', elements));
    // Another process has to read the model to know of its weights, but not those.
    const watch = bucket.watched();
    const again = await bucket.anotherOn(folder, watch).acquire(uri);
    expect(again).toMatchObject({ path, digest });
    expect(watch.reads).toEqual(['x/external.onnx']);

    const weights = await readFile(modelFile('external.onnx.data'));
    await bucket.put('x/external.onnx.data', Buffer.alloc(weights.length));
    expect((await store.look(uri)).id).not.toBe(version?.id);
    const other = await store.acquire(uri);
    expect(await readFile(`${other.path}.data`)).toEqual(Buffer.alloc(weights.length));
    expect(other.digest).not.toBe(digest);
  });

  test('is of one version, also where its files are replaced while they are fetched', async () => {
    for (const name of ['external.onnx', 'external.onnx.data'])
      await bucket.put(`r/${name}`, await readFile(modelFile(name)));
    const weights = await readFile(modelFile('external.onnx.data'));
    let replaced = 0;
    const get: ObjectStore['get'] = async (address, options) => {
      const object = await bucket.store.get(address, options);
      // The weights are replaced after they were read, and the model with them.
      if (address.key === 'r/external.onnx.data' && replaced === 0) {
        replaced += 1;
        await bucket.put('r/external.onnx.data', Buffer.alloc(weights.length, 1));
      }
      return object;
    };
    const { store } = await bucket.openStore(bucket.watched({ get }));
    const { path } = await store.acquire('s3://models/r/external.onnx');
    expect(await readFile(`${path}.data`)).toEqual(Buffer.alloc(weights.length, 1));
    expect(replaced).toBe(1);
  });

  test.each(['../../../../../etc', '/etc/xternal.data1'])(
    'is refused with weights outside of its folder, %s',
    async (outside) => {
      const { store, folder } = await bucket.openStore();
      const model = await readFile(modelFile('external.onnx'), 'latin1');
      // As long as the name that it takes the place of.
      expect(outside).toHaveLength('external.onnx.data'.length);
      const uri = await bucket.put(
        'x/outside.onnx',
        Buffer.from(model.replaceAll('external.onnx.data', outside), 'latin1'),
      );
      const error = { name: 'ModelLoadError', message: expect.stringContaining(outside) };
      await expect(store.acquire(uri)).rejects.toMatchObject(error);
      expect(await readdir(folder)).toEqual([]);
    },
  );

  test.each([
    ['is absent', 's3://models/none.onnx', 's3://models/none.onnx: there is no such object'],
    ['has no address', 's3://models/', 'it is s3://models/'],
    ['is an empty folder', 's3://models/empty/', 's3://models/empty/: there are no files in this folder'],
  ])('says why it cannot be loaded where it %s', async (_, uri, reason) => {
    const { store } = await bucket.openStore();
    const error = { name: 'ModelLoadError', disposition: 'fatal', message: expect.stringContaining(reason) };
    await expect(store.look(uri)).rejects.toMatchObject(error);
    await expect(store.acquire(uri)).rejects.toMatchObject(error);
  });

  test('tells what is refused from what may pass', async () => {
    const uri = await bucket.put('f/m.onnx', 'one');
    const failing = async (disposition: 'fatal' | 'retry') =>
      (
        await bucket.openStore(
          bucket.watched({ head: () => Promise.reject(new FabricError('STORE', 'no luck', { disposition })) }),
        )
      ).store;
    await expect((await failing('fatal')).acquire(uri)).rejects.toMatchObject({
      name: 'ModelLoadError',
      message: `Cannot fetch the model ${uri}: no luck`,
    });
    await expect((await failing('retry')).acquire(uri)).rejects.toMatchObject({ code: 'STORE', disposition: 'retry' });
    const { store, folder } = await bucket.openStore(bucket.watched({ get: () => Promise.resolve(undefined) }));
    await expect(store.acquire(uri)).rejects.toMatchObject({ code: 'MODEL_REPLACED', disposition: 'retry' });
    expect(await readdir(folder)).toEqual([]);
  });

  test('leaves those who still wait alone when one gives up, and ends when none is left', async () => {
    const uri = await bucket.put('w/m.onnx', 'one');
    const opened = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    const get: ObjectStore['get'] = async (address, options) => {
      const object = await bucket.store.get(address, options);
      opened.resolve();
      options?.signal?.addEventListener('abort', () => ended.resolve());
      return object && { ...object, chunks: hanging(object.chunks, options?.signal) };
    };
    const { store, folder } = await bucket.openStore(bucket.watched({ get }));
    const version = await store.look(uri);
    const [one, other] = [new AbortController(), new AbortController()];
    const fetching = [one, other].map(({ signal }) => store.fetch(version, { signal }));
    const results = Promise.allSettled(fetching);
    await opened.promise;
    one.abort(new Error('one has gone'));
    await expect(fetching[0]).rejects.toThrow('one has gone');
    other.abort(new Error('the other has gone'));
    await ended.promise;
    expect((await results).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await eventually(async () => expect(await readdir(folder)).toEqual([]));
  });
});

async function* hanging(
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  yield* chunks;
  await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error)));
}

describe('a model in a file', () => {
  test('is used where it lies, unless there may be new versions of it', async () => {
    const { store, folder } = await bucket.openStore();
    const path = await writeIn(await temporaryFolder(), 'm.onnx', 'one');
    const inPlace = await store.acquire(path, { inPlace: true });
    expect(inPlace).toMatchObject({ path });
    expect(inPlace.digest).toBeUndefined();
    expect(await readdir(folder)).toEqual([]);

    const copied = await store.acquire(path);
    expect(copied.path).not.toBe(path);
    expect(copied.digest).toBe(sha256('one'));
    const { id } = await store.look(path);
    // As long as what was there, and written in the same file.
    await writeFile(path, 'two');
    expect((await store.look(path)).id).not.toBe(id);
    expect(await readFile(copied.path, 'utf8')).toBe('one');
    expect(await readFile((await store.acquire(path)).path, 'utf8')).toBe('two');
  });

  test('brings its weights', async () => {
    const { store } = await bucket.openStore();
    const folder = await modelFolder('external.onnx', 'external.onnx.data');
    const { path, digest, version } = await store.acquire(join(folder, 'external.onnx'));
    expect(digest).toBe(await digestOfOnnxModel(path));
    expect(version?.files.map(({ name }) => name)).toEqual(['external.onnx', 'external.onnx.data']);
  });

  test('that is missing is said to be', async () => {
    const { store } = await bucket.openStore();
    const path = join(await temporaryFolder(), 'none.onnx');
    await expect(store.look(path)).rejects.toMatchObject({
      name: 'ModelLoadError',
      message: expect.stringContaining(path),
    });
    const folder = await modelFolder('external.onnx');
    const look = store.look(join(folder, 'external.onnx'), { weights: true });
    await expect(look).rejects.toThrow('external.onnx.data');
  });
});

describe('a pointer', () => {
  test('names the current version, in S3', async () => {
    const { store } = await bucket.openStore();
    await bucket.put('p/v6/m.onnx', 'six');
    await bucket.put('p/v7/m.onnx', 'seven');
    await bucket.put('q/m.onnx', 'elsewhere');
    const uri = await bucket.put('p/current.json', JSON.stringify({ modelUri: 'v6/m.onnx', by: 'release 12' }));
    const six = await store.acquire(uri);
    expect(await readFile(six.path, 'utf8')).toBe('six');
    expect((await store.look('s3://models/p/v6/m.onnx')).id).toBe(six.version?.id);
    for (const [target, content] of [
      ['v7/m.onnx', 'seven'],
      ['../q/m.onnx', 'elsewhere'],
      ['s3://models/p/v6/m.onnx', 'six'],
    ]) {
      await bucket.put('p/current.json', JSON.stringify({ modelUri: target }));
      expect(await readFile((await store.acquire(uri)).path, 'utf8')).toBe(content);
    }
  });

  test('names the current version, in files and from a file to S3', async () => {
    const { store } = await bucket.openStore();
    const folder = await temporaryFolder();
    const model = await writeIn(folder, 'v1/m.onnx', 'file');
    await bucket.put('p/v6/m.onnx', 'six');
    for (const [target, content] of [
      ['v1/m.onnx', 'file'],
      [model, 'file'],
      [`file://${model}`, 'file'],
      ['s3://models/p/v6/m.onnx', 'six'],
    ]) {
      const pointer = await writeIn(folder, 'current.json', JSON.stringify({ modelUri: target }));
      for (const inPlace of [true, false]) {
        const { path } = await store.acquire(pointer, { inPlace });
        expect(await readFile(path, 'utf8')).toBe(content);
        expect(path === model).toBe(inPlace && content === 'file');
      }
    }
  });

  test.each([
    ['not JSON', '{', 'is not JSON'],
    ['no object', '[]', 'it must be an object'],
    ['empty', '{}', "'modelUri' must be a string"],
    ['of no text', '{"modelUri":7}', "'modelUri' must be a string"],
    ['to nothing', '{"modelUri":""}', "'modelUri' must not be empty"],
    ['to another one', '{"modelUri":"next.json"}', 'points to another pointer: next.json'],
    ['out of its bucket', '{"modelUri":"../../m.onnx"}', "must be s3://… or relative to it: it is '../../m.onnx'"],
    ['from S3 to a file', '{"modelUri":"/models/m.onnx"}', 'must be s3://… or relative'],
    ['to what is not there', '{"modelUri":"none.onnx"}', 's3://models/bad/none.onnx: there is no such object'],
    ['too large', ' '.repeat(70_000), 'at most 65536 bytes, and it has 70000'],
  ])('that is %s is refused', async (_, content, reason) => {
    const { store } = await bucket.openStore();
    const uri = await bucket.put('bad/current.json', content);
    await expect(store.look(uri)).rejects.toMatchObject({
      name: 'ModelLoadError',
      message: expect.stringContaining(reason),
    });
  });
});
