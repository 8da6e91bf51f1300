import { readdir, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FabricError } from '../../lib/errors.ts';
import { fetchModel } from '../../lib/models/fetch-model.ts';
import { digestOfOnnxModel } from '../../lib/models/model-digest.ts';
import type { ObjectStore } from '../../lib/stores/object-store.ts';
import { startTestAws, type TestAws } from '../embedded-aws.ts';
import { infer, modelFile, modelFolder } from './model-files.ts';

let aws: TestAws;
beforeAll(async () => {
  aws = await startTestAws();
  await aws.createBucket('models');
});
afterAll(() => aws[Symbol.asyncDispose]());

async function put(key: string, content: string | Uint8Array): Promise<void> {
  await aws.store.put({ bucket: 'models', key }, content);
}

/** A store that counts what is read of it, and may refuse or replace it. */
function watched(changes: Partial<ObjectStore> = {}): { readonly store: ObjectStore; readonly reads: string[] } {
  const reads: string[] = [];
  const { store } = aws;
  const watching: ObjectStore = {
    head: (address, options) => store.head(address, options),
    get: (address, options) => {
      reads.push(address.key);
      return store.get(address, options);
    },
    put: (...args) => store.put(...args),
    copy: (...args) => store.copy(...args),
    delete: (...args) => store.delete(...args),
    list: (...args) => store.list(...args),
    ...changes,
  };
  return { store: watching, reads };
}

describe('fetchModel', () => {
  test('fetches a model once a version, whoever asks and however many at once', async () => {
    const cache = await modelFolder();
    await put('a/m.onnx', 'one');
    const { store, reads } = watched();
    const paths = await Promise.all([1, 2, 3].map(() => fetchModel('s3://models/a/m.onnx', { store, cache })));
    expect(new Set(paths).size).toBe(1);
    expect(await readFile(paths[0] ?? '', 'utf8')).toBe('one');
    const { length } = reads;
    expect(await fetchModel('s3://models/a/m.onnx', { store, cache })).toBe(paths[0]);
    expect(reads).toHaveLength(length);
    await put('a/m.onnx', 'two');
    const path = await fetchModel('s3://models/a/m.onnx', { store, cache });
    expect(await readFile(path, 'utf8')).toBe('two');
    expect(await readFile(paths[0] ?? '', 'utf8')).toBe('one');
    // Nothing that is half written stays.
    const files = await readdir(cache, { recursive: true, withFileTypes: true });
    expect(files.filter((file) => file.isFile()).map(({ name }) => name)).toEqual(['m.onnx', 'm.onnx']);
  });

  test('brings the files that hold its weights, and goes by their versions too', async () => {
    const cache = await modelFolder();
    for (const name of ['external.onnx', 'external.onnx.data']) await put(`x/${name}`, await readFile(modelFile(name)));
    const { store } = aws;
    const path = await fetchModel('s3://models/x/external.onnx', { store, cache });
    expect(await digestOfOnnxModel(path)).toBe(await digestOfOnnxModel(modelFile('external.onnx')));
    const elements = [{ x: [1, 2, 3, 4, 5, 6, 7, 8] }];
    expect(await infer('', elements, { modelUri: path })).toEqual(await infer('external.onnx', elements));
    const weights = await readFile(modelFile('external.onnx.data'));
    await put('x/external.onnx.data', Buffer.alloc(weights.length));
    const other = await fetchModel('s3://models/x/external.onnx', { store, cache });
    expect(other).not.toBe(path);
    expect(await readFile(`${other}.data`)).toEqual(Buffer.alloc(weights.length));
  });

  test('refuses weights outside of its folder', async () => {
    const cache = await modelFolder();
    const model = await readFile(modelFile('external.onnx'), 'latin1');
    // As long as the name that it takes the place of.
    const outside = '../../../../../etc';
    expect(outside).toHaveLength('external.onnx.data'.length);
    await put('x/outside.onnx', Buffer.from(model.replaceAll('external.onnx.data', outside), 'latin1'));
    const fetching = fetchModel('s3://models/x/outside.onnx', { store: aws.store, cache });
    await expect(fetching).rejects.toMatchObject({ name: 'ModelLoadError', message: expect.stringContaining(outside) });
  });

  test.each([
    ['is absent', 's3://models/none.onnx', 's3://models/none.onnx: there is no such object'],
    ['has no address', 's3://models/', 'it is s3://models/'],
    ['is a folder', 's3://models/a/', 'it is s3://models/a/'],
  ])('says why a model cannot be loaded that %s', async (_, uri, reason) => {
    const error = { name: 'ModelLoadError', disposition: 'fatal', message: expect.stringContaining(reason) };
    await expect(fetchModel(uri, { store: aws.store, cache: await modelFolder() })).rejects.toMatchObject(error);
  });

  test('tells what is refused from what may pass', async () => {
    const cache = await modelFolder();
    const failing = (disposition: 'fatal' | 'retry') =>
      watched({ head: () => Promise.reject(new FabricError('STORE', 'no luck', { disposition })) }).store;
    const fetching = (store: ObjectStore) => fetchModel('s3://models/a/m.onnx', { store, cache });
    await expect(fetching(failing('fatal'))).rejects.toMatchObject({
      name: 'ModelLoadError',
      message: 'Cannot fetch the model s3://models/a/m.onnx: no luck',
    });
    await expect(fetching(failing('retry'))).rejects.toMatchObject({ code: 'STORE', disposition: 'retry' });
    const replaced = watched({ get: () => Promise.resolve(undefined) }).store;
    await expect(fetching(replaced)).rejects.toMatchObject({ code: 'MODEL_REPLACED', disposition: 'retry' });
    expect(await readdir(cache, { recursive: true })).toEqual([]);
  });
});
