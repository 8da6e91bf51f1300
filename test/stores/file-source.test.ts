import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ByteRange, ByteSource } from '../../lib/stores/byte-source.ts';
import { openFileSource } from '../../lib/stores/file-source.ts';
import { shiftedSource } from '../../lib/stores/shifted-source.ts';

const content = Buffer.from(Array.from({ length: 1_000_000 }, (_, n) => n % 251));
let folder = '';
let path = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fabric-source-'));
  path = join(folder, 'content');
  await writeFile(path, content);
});
afterAll(() => rm(folder, { recursive: true }));

async function bytesOf(source: ByteSource, range: ByteRange): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source.read(range)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe('openFileSource', () => {
  test.each([
    [0, 1_000_000],
    [0, 1],
    [262_143, 262_145],
    [999_999, 5_000_000],
    [1_000_000, 1_000_001],
    [7, 7],
  ])('gives the bytes [%i, %i), cut where the file ends', async (start, end) => {
    await using source = await openFileSource(path);
    expect(source.byteLength).toBe(1_000_000);
    expect((await bytesOf(source, { start, end })).equals(content.subarray(start, end))).toBe(true);
  });

  test('gives chunks that stay as they are', async () => {
    await using source = await openFileSource(path);
    const chunks: Uint8Array[] = [];
    for await (const chunk of source.read({ start: 0, end: 1_000_000 })) chunks.push(chunk);
    expect(chunks.length).toBeGreaterThan(1);
    expect(Buffer.concat(chunks).equals(content)).toBe(true);
  });

  test('says that a file is gone', async () => {
    await expect(openFileSource(join(folder, 'none'))).rejects.toMatchObject({
      name: 'SourceGone',
      disposition: 'poison',
    });
    await expect(openFileSource(folder)).rejects.toMatchObject({ code: 'SOURCE_NOT_A_FILE' });
  });

  test('never takes a file that became shorter for one that ended', async () => {
    const shrinking = join(folder, 'shrinking');
    await writeFile(shrinking, content);
    await using source = await openFileSource(shrinking);
    await truncate(shrinking, 1000);
    await expect(bytesOf(source, { start: 0, end: 2000 })).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
  });

  test('ends when it is aborted', async () => {
    await using source = await openFileSource(path);
    const signal = AbortSignal.abort(new Error('stop'));
    const reading = (async () => {
      for await (const chunk of source.read({ start: 0, end: 10 }, { signal })) return chunk;
      return undefined;
    })();
    await expect(reading).rejects.toThrow('stop');
  });
});

describe('shiftedSource', () => {
  test('presents a chunk at its place in the larger object', async () => {
    await using chunk = await openFileSource(path);
    const source = shiftedSource(chunk, 5000);
    expect(source.byteLength).toBe(1_005_000);
    expect(await bytesOf(source, { start: 5010, end: 5013 })).toEqual(content.subarray(10, 13));
  });

  test('refuses to read before the chunk', async () => {
    await using chunk = await openFileSource(path);
    expect(() => shiftedSource(chunk, 5000).read({ start: 4999, end: 5001 })).toThrow(RangeError);
  });
});
