import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FabricError } from '../../lib/errors.ts';
import { storeError } from '../../lib/stores/aws-errors.ts';
import { freeBytes } from '../../lib/stores/free-bytes.ts';
import { openObjectSource } from '../../lib/stores/object-source.ts';
import type { ObjectStore } from '../../lib/stores/object-store.ts';
import { openSource, parseS3Uri, s3Uri } from '../../lib/stores/open-source.ts';
import { startTestAws, type TestAws } from '../embedded-aws.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const content = Buffer.from(Array.from({ length: 50_000 }, (_, index) => `line ${index}\n`).join(''));

describe('openObjectSource', () => {
  let aws: TestAws;
  let store: ObjectStore;
  beforeAll(async () => {
    aws = await startTestAws();
    store = aws.store;
    await aws.createBucket('bucket');
  });
  afterAll(() => aws[Symbol.asyncDispose]());

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
