import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { compressionOf, decompress, openObject } from '../../lib/formats/compression.ts';
import type { ByteSource } from '../../lib/stores/byte-source.ts';
import { memorySource } from './sources.ts';

const first = Buffer.from('first line\n'.repeat(20_000));
const second = Buffer.from('second line\n'.repeat(20_000));
const skippable = Buffer.concat([Buffer.from([0x53, 0x2a, 0x4d, 0x18, 4, 0, 0, 0]), Buffer.from('skip')]);
const codecs = { gzip: gzipSync, zstd: zstdCompressSync };

async function textOf(source: ByteSource, compression: 'gzip' | 'zstd'): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of decompress(source, compression)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

describe('compressionOf', () => {
  test.each([
    ['a.jsonl.gz', 'gzip'],
    ['a.CSV.GZ', 'gzip'],
    ['a.zst', 'zstd'],
    ['dir.gz/a.jsonl.zstd', 'zstd'],
    ['a.jsonl', undefined],
    ['gz', undefined],
  ])('knows by its suffix how %s is compressed: %s', (name, compression) => {
    expect(compressionOf(name)).toBe(compression);
  });
});

describe('openObject', () => {
  const plain = Buffer.from('{"a":1}\n');
  const noise = Buffer.from([0x1f, 0x8c, 0, 0xff, 0xfe, 8, 9, 0]);

  test.each([
    ['a.jsonl', gzipSync(plain), 'gzip'],
    ['a.jsonl.zst', gzipSync(plain), 'gzip'],
    ['a.jsonl', zstdCompressSync(plain), 'zstd'],
    ['a.jsonl.gz', Buffer.concat([skippable, zstdCompressSync(plain)]), 'zstd'],
    ['a.jsonl.gz', plain, undefined],
    ['a.jsonl.gz', Buffer.from('(\n'), undefined],
    ['a.jsonl.gz', Buffer.alloc(0), undefined],
    ['a.parquet.gz', Buffer.from('PAR1\x15\0\0\0\0'), undefined],
    ['a.bin', noise, undefined],
  ])('knows by its first bytes, and not by its name, how %s is compressed', async (name, bytes, compression) => {
    const opened = await openObject(memorySource(bytes, 3), name);
    expect(opened.compression).toBe(compression);
    const chunks: Uint8Array[] = [];
    for await (const chunk of opened.source.read({ start: 1, end: Infinity })) chunks.push(chunk);
    expect(Buffer.concat(chunks).equals(bytes.subarray(1))).toBe(true);
  });

  test('refuses what is named as compressed, and is neither that nor text', async () => {
    const message = 'Cannot decompress gzip: the object is damaged at its start, or it has another compression';
    await expect(openObject(memorySource(noise), 'a.gz')).rejects.toMatchObject({
      code: 'CORRUPT_COMPRESSION',
      message,
    });
  });

  test('gives what is longer than its first bytes as it is', async () => {
    const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, n) => n % 251));
    const { source } = await openObject(memorySource(bytes, 1000), 'a');
    for (const range of [
      { start: 0, end: 200_000 },
      { start: 65_000, end: 66_000 },
      { start: 65_536, end: 65_537 },
      { start: 10, end: 20 },
    ]) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of source.read(range)) chunks.push(chunk);
      expect(Buffer.concat(chunks).equals(bytes.subarray(range.start, range.end))).toBe(true);
    }
  });
});

describe.each(['gzip', 'zstd'] as const)('decompress %s', (compression) => {
  const compress = codecs[compression];

  test.each([1, 13, 1_000_000])('gives all of several members, in chunks of %i bytes', async (chunkBytes) => {
    const members = [first, Buffer.alloc(0), second, first].map((bytes) => compress(bytes));
    const text = await textOf(memorySource(Buffer.concat(members), chunkBytes), compression);
    expect(text).toBe([first, second, first].join(''));
  });

  test.each([1, 5, 20])('fails where the object is cut short by %i bytes, in its last member too', async (missing) => {
    for (const bytes of [compress(first), Buffer.concat([compress(first), compress(second)])]) {
      const cutShort = memorySource(bytes.subarray(0, -missing));
      const message = `Cannot decompress ${compression}: the object is cut short`;
      await expect(textOf(cutShort, compression)).rejects.toMatchObject({ code: 'CORRUPT_COMPRESSION', message });
    }
  });

  test('fails where the object is not compressed, or something else follows', async () => {
    await expect(textOf(memorySource('{"a":1}\n'), compression)).rejects.toMatchObject({ code: 'CORRUPT_COMPRESSION' });
    const followed = Buffer.concat([compress(first), Buffer.from('{"a":1}\n')]);
    await expect(textOf(memorySource(followed), compression)).rejects.toMatchObject({ code: 'CORRUPT_COMPRESSION' });
  });

  test('fails where bytes are damaged', async () => {
    const bytes = compress(Buffer.from(Array.from({ length: 5000 }, (_, n) => String(n * n)).join()));
    bytes.fill(0xa5, bytes.length - 300, bytes.length - 100);
    await expect(textOf(memorySource(bytes), compression)).rejects.toMatchObject({ code: 'CORRUPT_COMPRESSION' });
  });

  test('passes on an error of the source as it is', async () => {
    const broken: ByteSource = {
      byteLength: 100,
      // oxlint-disable-next-line require-yield
      async *read() {
        throw new Error('no network');
      },
    };
    await expect(textOf(broken, compression)).rejects.toThrow('no network');
  });

  test('lets go of the source when its reader stops', async () => {
    let released = false;
    const bytes = compress(Buffer.from(Array.from({ length: 50_000 }, () => Math.random()).join()));
    const source: ByteSource = {
      byteLength: bytes.length,
      async *read(range) {
        try {
          yield* memorySource(bytes, 1000).read(range);
        } finally {
          released = true;
        }
      },
    };
    for await (const chunk of decompress(source, compression)) if (chunk.length > 0) break;
    await expect.poll(() => released).toBe(true);
  });
});

describe('decompress gzip', () => {
  test.each([1, 7, 512, 1_000_000])('goes on behind zero bytes, in chunks of %i bytes', async (chunkBytes) => {
    const members = [5, 512, 70_000, 1].flatMap((zeros, index) => [
      gzipSync(index % 2 === 0 ? first : second),
      Buffer.alloc(zeros),
    ]);
    const text = await textOf(memorySource(Buffer.concat(members), chunkBytes), 'gzip');
    expect(text).toBe([first, second, first, second].join(''));
  });

  test('fails where something else follows zero bytes, or the member behind them is cut short', async () => {
    for (const rest of [Buffer.from('x'), gzipSync(second).subarray(0, -9)]) {
      const source = memorySource(Buffer.concat([gzipSync(first), Buffer.alloc(9), rest]), 100);
      await expect(textOf(source, 'gzip')).rejects.toMatchObject({ code: 'CORRUPT_COMPRESSION' });
    }
  });
});

describe('decompress zstd', () => {
  test('passes over skippable frames', async () => {
    const bytes = Buffer.concat([skippable, zstdCompressSync(first), skippable, zstdCompressSync(second), skippable]);
    expect(await textOf(memorySource(bytes), 'zstd')).toBe([first, second].join(''));
  });

  test('takes frames with blocks of every kind', async () => {
    const noise = Buffer.from(Array.from({ length: 300_000 }, () => Math.floor(Math.random() * 256)));
    const parts = [noise, Buffer.alloc(500_000, 'x'), first, Buffer.from('x')];
    const chunks: Uint8Array[] = [];
    const bytes = Buffer.concat(parts.map((part) => zstdCompressSync(part)));
    for await (const chunk of decompress(memorySource(bytes, 777), 'zstd')) chunks.push(chunk);
    expect(Buffer.concat(chunks).equals(Buffer.concat(parts))).toBe(true);
  });
});
