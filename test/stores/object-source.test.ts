import { writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { FabricError } from '../../lib/errors.ts';
import { storeError } from '../../lib/stores/aws-errors.ts';
import { freeBytes } from '../../lib/stores/free-bytes.ts';
import { openObjectSource, openWholeObject } from '../../lib/stores/object-source.ts';
import type { ObjectStore } from '../../lib/stores/object-store.ts';
import { openSource, parseS3Uri, s3Uri } from '../../lib/stores/open-source.ts';
import { openS3ObjectStore } from '../../lib/stores/s3-object-store.ts';
import { startTestAws, type TestAws } from '../embedded-aws.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const content = Buffer.from(Array.from({ length: 50_000 }, (_, index) => `line ${index}\n`).join(''));

let aws: TestAws;
let store: ObjectStore;
beforeAll(async () => {
  aws = await startTestAws();
  store = aws.store;
  await aws.createBucket('bucket');
});
afterAll(() => aws[Symbol.asyncDispose]());

describe('openObjectSource', () => {
  test('reads what ranges of an object hold, in chunks that are wholly the reader’s own', async () => {
    const address = { bucket: 'bucket', key: 'lines.txt' };
    await store.put(address, content);
    await using source = await openObjectSource(store, address);
    expect(source.byteLength).toBe(content.length);
    const offset = fc.integer({ min: 0, max: content.length + 10 });
    await fc.assert(
      fc.asyncProperty(offset, offset, async (start, end) => {
        const read: Buffer[] = [];
        for await (const chunk of source.read({ start, end })) {
          expect(chunk.byteLength).toBe(chunk.buffer.byteLength);
          read.push(Buffer.from(chunk));
          freeBytes(chunk);
        }
        expect(Buffer.concat(read).equals(content.subarray(start, Math.max(start, end)))).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  test('is gone where there is no such object, or another than the ETag says', async () => {
    const address = { bucket: 'bucket', key: 'replaced.txt' };
    await expect(openObjectSource(store, address)).rejects.toMatchObject({ name: 'SourceGone', disposition: 'poison' });
    const etag = (await store.put(address, 'first'))?.etag ?? '';
    await openObjectSource(store, { ...address, etag });
    await store.put(address, 'second');
    await expect(openObjectSource(store, { ...address, etag })).rejects.toMatchObject({
      name: 'SourceGone',
      message: 'Cannot read s3://bucket/replaced.txt: it was replaced',
    });
  });

  test('is gone where the object is replaced or removed after it was opened', async () => {
    const address = { bucket: 'bucket', key: 'changing.txt' };
    await store.put(address, 'first');
    const source = await openObjectSource(store, address);
    await store.put(address, 'other');
    await expect(Array.fromAsync(source.read({ start: 0, end: 5 }))).rejects.toMatchObject({ name: 'SourceGone' });
    await store.delete(address);
    await expect(Array.fromAsync(source.read({ start: 0, end: 5 }))).rejects.toMatchObject({ name: 'SourceGone' });
  });

  test('says of an object that is archived that it alone cannot be read', async () => {
    const address = { bucket: 'bucket', key: 'archived.txt' };
    await store.put(address, 'x');
    const refusal = Object.assign(new Error('not valid for its storage class'), {
      name: 'InvalidObjectState',
      $metadata: { httpStatusCode: 403 },
    });
    const head = store.head.bind(store);
    const archived: ObjectStore = { ...store, head, get: () => Promise.reject(storeError(refusal, 'read it')) };
    await using source = await openObjectSource(archived, address);
    await expect(source.read({ start: 0, end: 1 })[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      name: 'ObjectArchived',
      disposition: 'poison',
    });
  });

  test('leaves a store that cannot be reached an error that may be tried again', async () => {
    const unavailable = new FabricError('STORE_UNAVAILABLE', 'Cannot look at s3://bucket/a', { disposition: 'retry' });
    const failing: ObjectStore = { ...aws.store, head: () => Promise.reject(unavailable) };
    await expect(openObjectSource(failing, { bucket: 'bucket', key: 'a' })).rejects.toBe(unavailable);
  });

  test('is opened by its URI, as a file is by its path', async () => {
    const path = join(await temporaryFolder(), 'lines.txt');
    await writeFile(path, 'from a file');
    await store.put({ bucket: 'bucket', key: 'a b/ü+%20?.txt' }, 'from S3');
    for (const [uri, text] of [
      [path, 'from a file'],
      [s3Uri('bucket', 'a b/ü+%20?.txt'), 'from S3'],
    ] as const) {
      await using source = await openSource({ uri });
      const read = await Array.fromAsync(source.read({ start: 0, end: 100 }));
      expect(Buffer.concat(read).toString()).toBe(text);
    }
    await expect(openSource({ uri: 's3://bucket/a b/ü+%20?.txt', etag: 'another' })).rejects.toThrow('replaced');
  });
});

describe('openWholeObject', () => {
  test.each([0, 1, 200_000])('brings an object of %i bytes with one request', async (byteLength) => {
    const address = { bucket: 'bucket', key: `whole-${byteLength}` };
    const content = Buffer.alloc(byteLength, 'content');
    const { etag = '' } = (await store.put(address, content)) ?? {};
    let requests = 0;
    const counting: ObjectStore = {
      ...store,
      head: () => Promise.reject(new Error('it was looked at')),
      get: (...asked) => {
        requests += 1;
        return store.get(...asked);
      },
    };
    await using source = await openWholeObject(counting, { ...address, etag });
    expect(source.byteLength).toBe(byteLength);
    expect(Buffer.concat(await Array.fromAsync(source.read({ start: 0, end: byteLength })))).toEqual(content);
    expect(requests).toBe(1);
  });

  test('reads any range, and the whole again, as another source does', async () => {
    const address = { bucket: 'bucket', key: 'again' };
    await store.put(address, '0123456789');
    await using source = await openWholeObject(store, address);
    for (const [start, end, text] of [
      [2, 5, '234'],
      [0, 100, '0123456789'],
      [0, 10, '0123456789'],
      [10, 20, ''],
    ] as const) {
      expect(Buffer.concat(await Array.fromAsync(source.read({ start, end }))).toString()).toBe(text);
    }
  });

  test('is gone where there is no such object, or another than the ETag says', async () => {
    const address = { bucket: 'bucket', key: 'gone' };
    await expect(openWholeObject(store, address)).rejects.toMatchObject({
      name: 'SourceGone',
      disposition: 'poison',
      message: 'Cannot read s3://bucket/gone: there is no such object',
    });
    await expect(openWholeObject(store, { ...address, etag: 'any' })).rejects.toThrow('there is no such object');
    await store.put(address, 'another');
    await expect(openWholeObject(store, { ...address, etag: 'any' })).rejects.toMatchObject({
      name: 'SourceGone',
      message: 'Cannot read s3://bucket/gone: it was replaced',
    });
  });

  test('brings next to nothing of what nobody reads, however large it is', async () => {
    const endless = await startEndlessStore(5 * 1024 ** 4);
    using store = openS3ObjectStore({ endpoint: endless.endpoint, maxSockets: 1 });
    for (let times = 1; times <= 4; times += 1) {
      const source = await openWholeObject(store, { bucket: 'bucket', key: 'endless' });
      expect(source.byteLength).toBe(5 * 1024 ** 4);
      await source[Symbol.asyncDispose]();
      expect(await endless.sentBytes(times)).toBeLessThan(16 * 1024 * 1024);
    }
  });

  test('is read though its connection was closed for silence before anybody read', async () => {
    const endless = await startEndlessStore(5 * 1024 ** 4);
    using store = openS3ObjectStore({ endpoint: endless.endpoint, maxSockets: 1, socketTimeoutMillis: 100 });
    for (const answer of [1, 3]) {
      await using source = await openWholeObject(store, { bucket: 'bucket', key: 'endless' });
      await endless.sentBytes(answer);
      let chunks = 0;
      for await (const _ of source.read({ start: 0, end: source.byteLength })) {
        chunks += 1;
        if (chunks === 100) break;
      }
      expect(chunks).toBe(100);
    }
  });

  test('says of an object that is archived that it alone cannot be read', async () => {
    const refusal = Object.assign(new Error('not valid for its storage class'), {
      name: 'InvalidObjectState',
      $metadata: { httpStatusCode: 403 },
    });
    const archived: ObjectStore = { ...store, get: () => Promise.reject(storeError(refusal, 'read it')) };
    await expect(openWholeObject(archived, { bucket: 'bucket', key: 'a' })).rejects.toMatchObject({
      name: 'ObjectArchived',
      disposition: 'poison',
    });
  });
});

/** A store whose every object is of a size that it never comes to the end of. */
async function startEndlessStore(byteLength: number) {
  const ended = Array.from({ length: 4 }, () => Promise.withResolvers<number>());
  let answers = 0;
  const server = createServer((_, answer) => {
    const place = answers;
    answers += 1;
    answer.writeHead(200, { 'content-length': byteLength, etag: '"etag"' });
    answer.once('close', () => ended[place]?.resolve(sent));
    const chunk = Buffer.alloc(64 * 1024);
    let sent = 0;
    const send = (): void => {
      if (answer.destroyed) return;
      sent += chunk.byteLength;
      answer.write(chunk, send);
    };
    send();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    /** Of an answer, counted from 1, whose connection is closed. */
    sentBytes: (answer: number): Promise<number> | undefined => ended[answer - 1]?.promise,
  };
}

describe('parseS3Uri', () => {
  test('takes a key as it stands', () => {
    expect(parseS3Uri('s3://bucket/a/b c?d#e%20\nf/')).toEqual({ bucket: 'bucket', key: 'a/b c?d#e%20\nf/' });
  });

  test.each(['s3://bucket', 's3://bucket/', 's3:///key', '/s3://bucket/key', 'file:///a', 'https://bucket/key'])(
    'knows %s for no object',
    (uri) => {
      expect(parseS3Uri(uri)).toBeUndefined();
    },
  );
});
