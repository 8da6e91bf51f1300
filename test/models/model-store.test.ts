import { createHash } from 'node:crypto';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { FabricError } from '../../lib/errors.ts';
import { digestOfOnnxModel } from '../../lib/models/model-digest.ts';
import { ModelStore } from '../../lib/models/model-store.ts';
import type { ObjectStore } from '../../lib/stores/object-store.ts';
import { openS3ObjectStore } from '../../lib/stores/s3-object-store.ts';
import { startTestAws, type TestAws } from '../embedded-aws.ts';
import { temporaryFolder, writeIn } from '../temporary-folder.ts';
import { random } from '../../bench/random.ts';
import { infer, modelFile, modelFolder } from './model-files.ts';

let aws: TestAws;
beforeAll(async () => {
  aws = await startTestAws();
  await aws.createBucket('models');
});
afterAll(() => aws[Symbol.asyncDispose]());

async function put(key: string, content: string | Uint8Array): Promise<string> {
  await aws.store.put({ bucket: 'models', key }, content);
  return `s3://models/${key}`;
}

interface Watched {
  readonly objects: ObjectStore;
  /** The keys that were read, in order. */
  readonly reads: string[];
}

/** A store that counts what is read of it, and may do something else. */
function watched(changes: Partial<ObjectStore> = {}): Watched {
  const reads: string[] = [];
  const { store } = aws;
  const objects: ObjectStore = {
    head: (address, options) => store.head(address, options),
    get: (address, options) => {
      reads.push(address.key);
      return (changes.get ?? store.get.bind(store))(address, options);
    },
    put: (...args) => store.put(...args),
    copy: (...args) => store.copy(...args),
    delete: (...args) => store.delete(...args),
    list: (...args) => store.list(...args),
    ...(changes.head === undefined ? {} : { head: changes.head }),
  };
  return { objects, reads };
}

async function openStore(
  watch: Watched = watched(),
  maxBytes?: number,
): Promise<{ store: ModelStore; folder: string; reads: string[] }> {
  const folder = await temporaryFolder();
  const bound = maxBytes === undefined ? {} : { maxBytes };
  return { store: new ModelStore({ objects: watch.objects, folder, ...bound }), folder, reads: watch.reads };
}

/** Another process's, as it were: it knows nothing of what the first has done. */
function anotherOn(folder: string, watch: Watched = watched(), maxBytes?: number): ModelStore {
  return new ModelStore({ objects: watch.objects, folder, ...(maxBytes === undefined ? {} : { maxBytes }) });
}

/** The model files in a cache, in no order. */
async function cached(folder: string): Promise<string[]> {
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  const models = files.filter((file) => file.isFile() && file.parentPath.split('/').includes('model'));
  return models.map(({ name }) => name);
}

function sha256(content: string): string {
  return createHash('sha256').update(content).digest('hex');
}

describe('a model in S3', () => {
  test('is fetched once a version, whoever asks and however many at once', async () => {
    const { store, folder, reads } = await openStore();
    const uri = await put('a/m.onnx', 'one');
    const all = await Promise.all([1, 2, 3].map(() => store.take(uri)));
    const paths = all.map(({ path }) => path);
    expect(new Set(paths).size).toBe(1);
    expect(await readFile(paths[0] ?? '', 'utf8')).toBe('one');
    expect(all.map(({ digest }) => digest)).toEqual([1, 2, 3].map(() => sha256('one')));
    expect(reads).toEqual(['a/m.onnx']);
    expect((await store.take(uri)).path).toBe(paths[0]);
    expect((await anotherOn(folder).take(uri)).path).toBe(paths[0]);
    expect(reads).toEqual(['a/m.onnx']);
    await put('a/m.onnx', 'two');
    const { path } = await store.take(uri);
    expect(await readFile(path, 'utf8')).toBe('two');
    expect(await readFile(paths[0] ?? '', 'utf8')).toBe('one');
    // Nothing that is half written stays.
    expect(await cached(folder)).toEqual(['m.onnx', 'm.onnx']);
    expect((await readdir(folder)).filter((name) => name.includes('-'))).toEqual([]);
  });

  test('has one version as long as nobody writes it', async () => {
    const { store } = await openStore();
    const uri = await put('same/m.onnx', 'one');
    const first = await store.look(uri);
    expect((await store.look(uri)).id).toBe(first.id);
    expect((await store.take(uri)).version?.id).toBe(first.id);
    await put('same/m.onnx', 'two');
    expect((await store.look(uri)).id).not.toBe(first.id);
    // What is here is fetched no more; what is nowhere can't be.
    expect(await readFile((await store.fetch(first)).path, 'utf8')).toBe('one');
    const elsewhere = (await openStore()).store;
    await expect(elsewhere.fetch(first)).rejects.toMatchObject({ code: 'MODEL_REPLACED', disposition: 'retry' });
  });

  test('brings the files that hold its weights, and goes by their versions too', async () => {
    const { store, folder } = await openStore();
    for (const name of ['external.onnx', 'external.onnx.data']) await put(`x/${name}`, await readFile(modelFile(name)));
    const uri = 's3://models/x/external.onnx';
    const { path, digest, version } = await store.take(uri);
    expect(digest).toBe(await digestOfOnnxModel(modelFile('external.onnx')));
    expect((await store.look(uri)).id).toBe(version?.id);
    const elements = [{ x: [1, 2, 3, 4, 5, 6, 7, 8] }];
    expect(await infer('', elements, { modelUri: path })).toEqual(await infer('external.onnx', elements));
    // Another process has to read the model to know of its weights, but not those.
    const watch = watched();
    const again = await anotherOn(folder, watch).take(uri);
    expect(again).toMatchObject({ path, digest });
    expect(watch.reads).toEqual(['x/external.onnx']);

    const weights = await readFile(modelFile('external.onnx.data'));
    await put('x/external.onnx.data', Buffer.alloc(weights.length));
    expect((await store.look(uri)).id).not.toBe(version?.id);
    const other = await store.take(uri);
    expect(await readFile(`${other.path}.data`)).toEqual(Buffer.alloc(weights.length));
    expect(other.digest).not.toBe(digest);
  });

  test('is of one version, also where its files are replaced while they are fetched', async () => {
    for (const name of ['external.onnx', 'external.onnx.data']) await put(`r/${name}`, await readFile(modelFile(name)));
    const weights = await readFile(modelFile('external.onnx.data'));
    let replaced = 0;
    const get: ObjectStore['get'] = async (address, options) => {
      const object = await aws.store.get(address, options);
      // The weights are replaced after they were read, and the model with them.
      if (address.key === 'r/external.onnx.data' && replaced === 0) {
        replaced += 1;
        await put('r/external.onnx.data', Buffer.alloc(weights.length, 1));
      }
      return object;
    };
    const { store } = await openStore(watched({ get }));
    const { path } = await store.take('s3://models/r/external.onnx');
    expect(await readFile(`${path}.data`)).toEqual(Buffer.alloc(weights.length, 1));
    expect(replaced).toBe(1);
  });

  test.each(['../../../../../etc', '/etc/xternal.data1'])(
    'is refused with weights outside of its folder, %s',
    async (outside) => {
      const { store, folder } = await openStore();
      const model = await readFile(modelFile('external.onnx'), 'latin1');
      // As long as the name that it takes the place of.
      expect(outside).toHaveLength('external.onnx.data'.length);
      const uri = await put('x/outside.onnx', Buffer.from(model.replaceAll('external.onnx.data', outside), 'latin1'));
      const error = { name: 'ModelLoadError', message: expect.stringContaining(outside) };
      await expect(store.take(uri)).rejects.toMatchObject(error);
      expect(await readdir(folder)).toEqual([]);
    },
  );

  test.each([
    ['is absent', 's3://models/none.onnx', 's3://models/none.onnx: there is no such object'],
    ['has no address', 's3://models/', 'it is s3://models/'],
    ['is a folder', 's3://models/a/', 'it is s3://models/a/'],
  ])('says why it cannot be loaded where it %s', async (_, uri, reason) => {
    const { store } = await openStore();
    const error = { name: 'ModelLoadError', disposition: 'fatal', message: expect.stringContaining(reason) };
    await expect(store.look(uri)).rejects.toMatchObject(error);
    await expect(store.take(uri)).rejects.toMatchObject(error);
  });

  test('tells what is refused from what may pass', async () => {
    const uri = await put('f/m.onnx', 'one');
    const failing = async (disposition: 'fatal' | 'retry') =>
      (await openStore(watched({ head: () => Promise.reject(new FabricError('STORE', 'no luck', { disposition })) })))
        .store;
    await expect((await failing('fatal')).take(uri)).rejects.toMatchObject({
      name: 'ModelLoadError',
      message: `Cannot fetch the model ${uri}: no luck`,
    });
    await expect((await failing('retry')).take(uri)).rejects.toMatchObject({ code: 'STORE', disposition: 'retry' });
    const { store, folder } = await openStore(watched({ get: () => Promise.resolve(undefined) }));
    await expect(store.take(uri)).rejects.toMatchObject({ code: 'MODEL_REPLACED', disposition: 'retry' });
    expect(await readdir(folder)).toEqual([]);
  });

  test('leaves those who still wait alone when one gives up, and ends when none is left', async () => {
    const uri = await put('w/m.onnx', 'one');
    const opened = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    const get: ObjectStore['get'] = async (address, options) => {
      const object = await aws.store.get(address, options);
      opened.resolve();
      options?.signal?.addEventListener('abort', () => ended.resolve());
      return object && { ...object, chunks: hanging(object.chunks, options?.signal) };
    };
    const { store, folder } = await openStore(watched({ get }));
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
    await vi.waitFor(async () => expect(await readdir(folder)).toEqual([]));
  });
});

async function* hanging(
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  yield* chunks;
  await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error)));
}

/** Content that comes otherwise than it was stored, the first time or always. */
function spoiling(how: (bytes: Uint8Array) => Uint8Array, times = Infinity): Watched {
  let left = times;
  return watched({
    get: async (address, options) => {
      const object = await aws.store.get(address, options);
      left -= 1;
      if (object === undefined || left < 0) return object;
      const chunks = async function* (): AsyncGenerator<Uint8Array> {
        for await (const chunk of object.chunks) yield how(chunk);
      };
      return { ...object, chunks: chunks() };
    },
  });
}

const flipped = (bytes: Uint8Array): Uint8Array => bytes.map((byte, index) => (index === 1 ? byte ^ 1 : byte));
const cut = (bytes: Uint8Array): Uint8Array => bytes.subarray(1);

describe('a download that is not what is stored', () => {
  test.each([
    ['has other bytes', flipped],
    ['is cut short', cut],
  ])('is made again when it %s', async (_, how) => {
    const uri = await put('spoiled/m.onnx', 'content');
    const { store, reads } = await openStore(spoiling(how, 2));
    expect(await readFile((await store.take(uri)).path, 'utf8')).toBe('content');
    expect(reads).toHaveLength(3);
  });

  test.each([
    ['has other bytes', flipped, 'MODEL_CORRUPT', 'its ETag is'],
    ['is cut short', cut, 'MODEL_CUT_SHORT', '6 of its 7 bytes'],
  ])('never gets a name when it always %s', async (_, how, code, reason) => {
    const uri = await put('spoiled/m.onnx', 'content');
    const { store, folder } = await openStore(spoiling(how));
    const error = { code, disposition: 'retry', message: expect.stringContaining(reason) };
    await expect(store.take(uri)).rejects.toMatchObject(error);
    expect(await readdir(folder)).toEqual([]);
  });

  test.each([
    ['content', true],
    ['c0ntent', false],
  ])('is found by the checksum that S3 keeps, where the ETag is no MD5: %s', async (sent, isRight) => {
    const headers = {
      etag: '"9a0364b9e99bb480dd25e1f0284c8555-2"',
      'content-length': '7',
      'x-amz-checksum-crc32': crc32Of('content'),
      'x-amz-checksum-type': 'FULL_OBJECT',
    };
    await using server = await listening((request, response) => {
      response.writeHead(200, headers).end(request.method === 'HEAD' ? undefined : sent);
    });
    using objects = openS3ObjectStore({ endpoint: server.endpoint });
    const store = new ModelStore({ objects, folder: await temporaryFolder() });
    const taking = store.take('s3://models/parts.onnx').then(({ path }) => readFile(path, 'utf8'));
    if (isRight) expect(await taking).toBe('content');
    else
      await expect(taking).rejects.toMatchObject({ disposition: 'retry', message: expect.stringMatching(/checksum/i) });
  });
});

function crc32Of(content: string): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(content));
  return bytes.toString('base64');
}

async function listening(listener: RequestListener): Promise<AsyncDisposable & { readonly endpoint: string }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await promisify(server.close.bind(server))();
    },
  };
}

/** Overwrites it, leaving size and time as they were. */
async function corrupt(path: string): Promise<void> {
  const { atime, mtime } = await stat(path);
  await writeFile(path, flipped(await readFile(path)));
  await utimes(path, atime, mtime);
}

describe('a cached model', () => {
  test('that was corrupted is fetched again by the next process', async () => {
    const { store, folder } = await openStore();
    const uri = await put('c/m.onnx', 'content');
    const { path } = await store.take(uri);
    await corrupt(path);
    const watch = watched();
    const again = await anotherOn(folder, watch).take(uri);
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
    const { store, folder } = await openStore();
    const uri = await put('c/m.onnx', 'content');
    await harm((await store.take(uri)).path);
    expect(await readFile((await anotherOn(folder).take(uri)).path, 'utf8')).toBe('content');
  });

  test('that turned out to be another is fetched again', async () => {
    const { store, reads } = await openStore();
    const uri = await put('c/m.onnx', 'content');
    const held = await store.take(uri);
    await corrupt(held.path);
    if (held.version !== undefined) await store.discard(held.version);
    const again = await store.take(uri);
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
  const uris = await Promise.all(names.map((name) => put(`shared/${name}.onnx`, name.repeat(10))));
  const next = random(1);
  await Promise.all(
    [1, 2, 3].map(async () => {
      const store = anotherOn(folder, watched(), 25);
      for (let round = 0; round < 40; round += 1) {
        const place = Math.floor(next() * names.length);
        const held = await store.take(uris[place] ?? '');
        expect(await readFile(held.path, 'utf8')).toBe(names[place]?.repeat(10));
        await new Promise((resolve) => setImmediate(resolve));
        expect(await readFile(held.path, 'utf8')).toBe(names[place]?.repeat(10));
        await held.release();
      }
    }),
  );
  expect((await readdir(folder)).filter((name) => name.includes('-'))).toEqual([]);
  await (await anotherOn(folder, watched(), 25).take(await put('shared/last.onnx', 'last'))).release();
  expect((await cached(folder)).length).toBeLessThanOrEqual(3);
});

describe('the bound of the cache', () => {
  test('lets go of what was used least recently, and never of what is held', async () => {
    const { store, folder, reads } = await openStore(watched(), 25);
    const uris = await Promise.all(['a', 'b', 'c', 'd'].map((name) => put(`lru/${name}.onnx`, name.repeat(10))));
    const [a = '', b = '', c = '', d = ''] = uris;
    const held = await store.take(a);
    await (await store.take(b)).release();
    await (await store.take(c)).release();
    expect((await cached(folder)).toSorted()).toEqual(['a.onnx', 'c.onnx']);
    await held.release();
    await (await store.take(c)).release();
    await (await store.take(d)).release();
    expect((await cached(folder)).toSorted()).toEqual(['c.onnx', 'd.onnx']);
    expect(reads).toEqual(['a', 'b', 'c', 'd'].map((name) => `lru/${name}.onnx`));
    expect((await readdir(folder)).filter((name) => name.includes('-'))).toEqual([]);
  });

  test('does not keep a model out that is larger by itself', async () => {
    const { store, folder } = await openStore(watched(), 5);
    const [small, large] = await Promise.all([put('big/s.onnx', 'tiny'), put('big/l.onnx', 'more than five')]);
    await (await store.take(small)).release();
    const { path } = await store.take(large);
    expect(await readFile(path, 'utf8')).toBe('more than five');
    expect(await cached(folder)).toEqual(['l.onnx']);
  });

  test('leaves what another living process holds, and removes what a dead one left', async () => {
    const { store, folder } = await openStore(watched(), 15);
    const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((name) => put(`held/${name}.onnx`, name.repeat(10))));
    const held = await store.take(a ?? '');
    const holds = join(held.path, '../../in-use');
    const [own = ''] = await readdir(holds);
    const [id, , startedAt, host] = own.split('~');
    const ofProcess = (pid: number): string => join(holds, [id, pid, startedAt, host].join('~'));
    await rename(join(holds, own), ofProcess(process.ppid));
    await (await store.take(b ?? '')).release();
    expect((await cached(folder)).toSorted()).toEqual(['a.onnx', 'b.onnx']);

    const nobody = 2 ** 22 + 1;
    await rename(ofProcess(process.ppid), ofProcess(nobody));
    await writeIn(folder, `fetching-x~${nobody}~${startedAt}~${host}/model/half.onnx`, 'half');
    await (await store.take(c ?? '')).release();
    expect(await cached(folder)).toEqual(['c.onnx']);
    expect(await readdir(folder)).toHaveLength(1);
  });

  test('is refused where it is no number of bytes', async () => {
    vi.stubEnv('FABRIC_MODEL_CACHE_BYTES', '5 GB');
    const { store } = await openStore();
    const uri = await put('a/m.onnx', 'one');
    await expect(store.take(uri)).rejects.toThrow('FABRIC_MODEL_CACHE_BYTES must be a positive integer');
    vi.unstubAllEnvs();
  });

  test('is not that of a folder which somebody else has made', async () => {
    vi.stubEnv('TMPDIR', await temporaryFolder());
    const getuid = vi.spyOn(process, 'getuid').mockReturnValue(12_345);
    const store = new ModelStore();
    const uri = await put('a/m.onnx', 'one');
    await expect(store.take(uri)).rejects.toThrow(
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
    for (const name of ['a', 'b']) await (await store.take(await put(`env/${name}.onnx`, name.repeat(10)))).release();
    expect(await cached(join(folder, 'models'))).toEqual(['b.onnx']);
    vi.unstubAllEnvs();
  });
});

describe('a model in a file', () => {
  test('is used where it lies, unless there may be new versions of it', async () => {
    const { store, folder } = await openStore();
    const path = await writeIn(await temporaryFolder(), 'm.onnx', 'one');
    const inPlace = await store.take(path, { inPlace: true });
    expect(inPlace).toMatchObject({ path });
    expect(inPlace.digest).toBeUndefined();
    expect(await readdir(folder)).toEqual([]);

    const copied = await store.take(path);
    expect(copied.path).not.toBe(path);
    expect(copied.digest).toBe(sha256('one'));
    const { id } = await store.look(path);
    // As long as what was there, and written in the same file.
    await writeFile(path, 'two');
    expect((await store.look(path)).id).not.toBe(id);
    expect(await readFile(copied.path, 'utf8')).toBe('one');
    expect(await readFile((await store.take(path)).path, 'utf8')).toBe('two');
  });

  test('brings its weights', async () => {
    const { store } = await openStore();
    const folder = await modelFolder('external.onnx', 'external.onnx.data');
    const { path, digest, version } = await store.take(join(folder, 'external.onnx'));
    expect(digest).toBe(await digestOfOnnxModel(path));
    expect(version?.files.map(({ name }) => name)).toEqual(['external.onnx', 'external.onnx.data']);
  });

  test('that is missing is said to be', async () => {
    const { store } = await openStore();
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
    const { store } = await openStore();
    await put('p/v6/m.onnx', 'six');
    await put('p/v7/m.onnx', 'seven');
    await put('q/m.onnx', 'elsewhere');
    const uri = await put('p/current.json', JSON.stringify({ modelUri: 'v6/m.onnx', by: 'release 12' }));
    const six = await store.take(uri);
    expect(await readFile(six.path, 'utf8')).toBe('six');
    expect((await store.look('s3://models/p/v6/m.onnx')).id).toBe(six.version?.id);
    for (const [target, content] of [
      ['v7/m.onnx', 'seven'],
      ['../q/m.onnx', 'elsewhere'],
      ['s3://models/p/v6/m.onnx', 'six'],
    ]) {
      await put('p/current.json', JSON.stringify({ modelUri: target }));
      expect(await readFile((await store.take(uri)).path, 'utf8')).toBe(content);
    }
  });

  test('names the current version, in files and from a file to S3', async () => {
    const { store } = await openStore();
    const folder = await temporaryFolder();
    const model = await writeIn(folder, 'v1/m.onnx', 'file');
    await put('p/v6/m.onnx', 'six');
    for (const [target, content] of [
      ['v1/m.onnx', 'file'],
      [model, 'file'],
      [`file://${model}`, 'file'],
      ['s3://models/p/v6/m.onnx', 'six'],
    ]) {
      const pointer = await writeIn(folder, 'current.json', JSON.stringify({ modelUri: target }));
      for (const inPlace of [true, false]) {
        const { path } = await store.take(pointer, { inPlace });
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
    const { store } = await openStore();
    const uri = await put('bad/current.json', content);
    await expect(store.look(uri)).rejects.toMatchObject({
      name: 'ModelLoadError',
      message: expect.stringContaining(reason),
    });
  });
});
