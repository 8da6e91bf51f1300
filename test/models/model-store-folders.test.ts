import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readModelContent } from '../../lib/models/model-digest.ts';
import type { ObjectStore } from '../../lib/stores/object-store.ts';
import { ModelBucket, sha256 } from './model-bucket.ts';

const bucket = new ModelBucket();

describe('a model folder in S3', () => {
  const uri = 's3://models/folder/';

  test('is one model: all objects under its prefix, but for the marks of folders', async () => {
    const { store, reads } = await bucket.openStore();
    await bucket.put('folder/', '');
    await bucket.put('folder/config.json', '{}');
    await bucket.put('folder/onnx/', '');
    await bucket.put('folder/onnx/model.onnx', 'graph');
    await bucket.put('folder.txt', 'beside it');
    const { path, digest, version } = await store.acquire(uri);
    expect((await readdir(path, { recursive: true })).toSorted()).toEqual(['config.json', 'onnx', 'onnx/model.onnx']);
    expect(await readFile(join(path, 'onnx/model.onnx'), 'utf8')).toBe('graph');
    // Output of `sha256sum config.json onnx/model.onnx | sha256sum`.
    expect(digest).toBe(sha256(`${sha256('{}')}  config.json\n${sha256('graph')}  onnx/model.onnx\n`));
    expect((await readModelContent(path)).digest).toBe(digest);
    expect((await store.acquire(path)).digest).toBe(digest);
    expect((await store.look(uri)).id).toBe(version?.id);
    expect(reads).toEqual(['folder/config.json', 'folder/onnx/model.onnx']);
  });

  test('is fetched once by all processes, and again when an object is new, replaced or gone', async () => {
    const { store, folder, reads } = await bucket.openStore();
    await bucket.put('many/a', 'a');
    await bucket.put('many/b', 'b');
    const many = 's3://models/many/';
    const first = await store.acquire(many);
    expect(await bucket.anotherOn(folder).acquire(many)).toMatchObject({ path: first.path, digest: first.digest });
    expect(reads).toEqual(['many/a', 'many/b']);
    const ids = [first.version?.id];
    for (const change of [
      () => bucket.put('many/b', 'c'),
      () => bucket.put('many/c', 'c'),
      () => bucket.store.delete({ bucket: 'models', key: 'many/a' }),
    ]) {
      await change();
      ids.push((await store.acquire(many)).version?.id);
    }
    expect(new Set(ids).size).toBe(4);
    expect(await readdir((await store.acquire(many)).path)).toEqual(['b', 'c']);
  });

  test('is not the model that its only file is', async () => {
    const { store } = await bucket.openStore();
    const file = await bucket.put('single/m.onnx', 'one');
    const [asFolder, asFile] = [await store.acquire('s3://models/single/'), await store.acquire(file)];
    expect(asFile.path).not.toBe(asFolder.path);
    expect(await readFile(asFile.path, 'utf8')).toBe('one');
    expect(await readdir(asFolder.path)).toEqual(['m.onnx']);
  });

  test('is no version while objects are still written to it', async () => {
    await bucket.put('moving/a', 'a');
    let writes = 0;
    const get: ObjectStore['get'] = async (address, options) => {
      if (writes < 2) await bucket.put(`moving/b${(writes += 1)}`, 'b');
      return bucket.store.get(address, options);
    };
    const { store } = await bucket.openStore(bucket.watched({ get }));
    const { path } = await store.acquire('s3://models/moving/');
    expect(await readdir(path)).toEqual(['a', 'b1', 'b2']);
  });

  test('never writes outside of its own folder', async () => {
    const { store } = await bucket.openStore();
    await bucket.put('unsafe/../../escape', 'x');
    await expect(store.look('s3://models/unsafe/')).rejects.toThrow("can't be a path in a folder");
  });
});
