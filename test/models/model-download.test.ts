import { readdir, readFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { ModelStore } from '../../lib/models/model-store.ts';
import { openS3ObjectStore } from '../../lib/stores/s3-object-store.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { ModelBucket, flipped, type Watched } from './model-bucket.ts';

const bucket = new ModelBucket();

/** Content that comes otherwise than it was stored, the first time or always. */
function spoiling(how: (bytes: Uint8Array) => Uint8Array, times = Infinity): Watched {
  let left = times;
  return bucket.watched({
    get: async (address, options) => {
      const object = await bucket.store.get(address, options);
      left -= 1;
      if (object === undefined || left < 0) return object;
      const chunks = async function* (): AsyncGenerator<Uint8Array> {
        for await (const chunk of object.chunks) yield how(chunk);
      };
      return { ...object, chunks: chunks() };
    },
  });
}

const cut = (bytes: Uint8Array): Uint8Array => bytes.subarray(1);

describe('a download that is not what is stored', () => {
  test.each([
    ['has other bytes', flipped],
    ['is cut short', cut],
  ])('is made again when it %s', async (_, how) => {
    const uri = await bucket.put('spoiled/m.onnx', 'content');
    const { store, reads } = await bucket.openStore(spoiling(how, 2));
    expect(await readFile((await store.acquire(uri)).path, 'utf8')).toBe('content');
    expect(reads).toHaveLength(3);
  });

  test.each([
    ['has other bytes', flipped, 'MODEL_CORRUPT', 'its ETag is'],
    ['is cut short', cut, 'MODEL_CUT_SHORT', '6 of its 7 bytes'],
  ])('never gets a name when it always %s', async (_, how, code, reason) => {
    const uri = await bucket.put('spoiled/m.onnx', 'content');
    const { store, folder } = await bucket.openStore(spoiling(how));
    const error = { code, disposition: 'retry', message: expect.stringContaining(reason) };
    await expect(store.acquire(uri)).rejects.toMatchObject(error);
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
    const taking = store.acquire('s3://models/parts.onnx').then(({ path }) => readFile(path, 'utf8'));
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
