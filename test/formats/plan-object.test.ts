import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { planObject } from '../../lib/formats/plan-object.ts';
import { bundleCount, bundleRange } from '../../lib/formats/plan.ts';
import { inputOptions, readBundles, readRange } from './reading.ts';
import { memorySource, recordingSource, syntheticSource } from './sources.ts';

const MIB = 1024 * 1024;

describe('planObject', () => {
  test('plans a JSONL object of 1 TB by its first bytes, and any bundle of it can be read', async () => {
    const line = Buffer.from(`${JSON.stringify({ text: 'x'.repeat(52) })}\n`);
    expect(line.length).toBe(64);
    const source = recordingSource(
      syntheticSource(2 ** 40, (start, end) => {
        const lines = Buffer.alloc(end - start + line.length, line);
        return lines.subarray(start % line.length, (start % line.length) + end - start);
      }),
    );
    const input = inputOptions('jsonl');
    const plan = await planObject(source, input);
    expect(source.asked).toEqual([{ start: 0, end: 64 * 1024 }]);
    expect(JSON.stringify(plan).length).toBeLessThan(200);
    expect(bundleCount(plan)).toBe(262_144);
    const range = bundleRange(plan, 200_000);
    const elements = await readRange(source, range, input);
    expect(elements).toHaveLength((4 * MIB) / 64);
    expect(elements[0]?.position).toBe(200_000 * 4 * MIB);
  });

  test.each(['jsonl', 'text', 'csv', 'tsv', 'json'] as const)(
    'makes no bundles of an empty object: %s',
    async (format) => {
      expect(bundleCount(await planObject(memorySource(''), inputOptions(format)))).toBe(0);
      const empty = memorySource(gzipSync(''));
      expect(bundleCount(await planObject(empty, inputOptions(format), { compression: 'gzip' }))).toBe(0);
    },
  );

  test('cuts what it must read at the first start of an element at or after each multiple of bundleBytes', async () => {
    const content = ['a,b', '1,2', '"x\ny",4', '5,6', '7,8', '9,10'].join('\n');
    const plan = await planObject(memorySource(content, 3), inputOptions('csv', { bundleBytes: 8 }));
    expect(plan).toEqual({ kind: 'cuts', byteLength: 28, starts: [4, 8, 16, 24], header: ['a', 'b'] });
    expect(bundleRange(plan, 1)).toEqual({ start: 8, end: 16, aligned: true, header: ['a', 'b'] });
    expect(bundleRange(plan, 3)).toEqual({ start: 24, end: 28, aligned: true, header: ['a', 'b'] });
  });

  test('records a plan that survives JSON', async () => {
    for (const [format, content] of [
      ['jsonl', '1\n2\n'],
      ['csv', 'a\n1\n2\n'],
      ['json', '[1, 2, 3]'],
    ] as const) {
      const plan = await planObject(memorySource(content), inputOptions(format, { bundleBytes: 3 }));
      expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
    }
  });

  test('stages the bytes of each compressed bundle in turn, and keeps no more than one', async () => {
    const line = `${'x'.repeat(99)}\n`;
    const content = Buffer.from(line.repeat(100_000));
    const staged: number[] = [];
    const plan = await planObject(memorySource(gzipSync(content)), inputOptions('text', { bundleBytes: MIB }), {
      compression: 'gzip',
      stage: async (index, bytes) => {
        expect(index).toBe(staged.length);
        staged.push(bytes.length);
      },
    });
    expect(staged).toEqual([...Array.from({ length: 9 }, (_, n) => (n < 9 ? staged[n] : 0)), staged.at(-1)]);
    expect(Math.max(...staged)).toBeLessThanOrEqual(MIB + 100);
    expect(staged.reduce((sum, size) => sum + size, 0)).toBe(content.length);
    expect(plan).toMatchObject({ kind: 'cuts', byteLength: content.length });
    expect(bundleCount(plan)).toBe(staged.length);
  });

  test('stages no more of an element that is too large than shows that it is', async () => {
    const content = Buffer.concat([Buffer.from('1\n'), Buffer.alloc(30 * MIB, 'x'), Buffer.from('\n3\n')]);
    const input = inputOptions('jsonl', { bundleBytes: 1000, maxElementBytes: 10_000 });
    const sizes: number[] = [];
    const plan = await planObject(memorySource(gzipSync(content)), input, {
      compression: 'gzip',
      stage: async (_, bytes) => void sizes.push(bytes.length),
    });
    expect(Math.max(...sizes)).toBeLessThan(2.5 * MIB);
    expect(plan).toMatchObject({ starts: [0, 30 * MIB + 3], byteLength: content.length });
    const { bundles } = await readBundles(memorySource(gzipSync(content)), input, { compression: 'gzip' });
    expect(bundles.flat().map(({ position, input, failure }) => [position, failure?.name ?? input])).toEqual([
      [0, 1],
      [2, 'ElementTooLarge'],
      [30 * MIB + 3, 3],
    ]);
  });

  test('covers with a limit the first elements only, and reads no further', async () => {
    const source = recordingSource(memorySource('1\n\n2\n3\n'.repeat(100_000)));
    expect(await planObject(source, inputOptions('jsonl'), { limit: 2 })).toMatchObject({
      kind: 'ranges',
      byteLength: 5,
    });
    expect(source.given.length).toBeLessThan(4);
    const array = memorySource(JSON.stringify(Array.from({ length: 1000 }, (_, n) => n)));
    expect(await planObject(array, inputOptions('json'), { limit: 2 })).toMatchObject({ byteLength: 5, starts: [1] });
  });

  describe.each([
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
  ] as const)('of what is compressed with %s', (compression, compress) => {
    const content = 'abc\n'.repeat(25_000);
    const members = Buffer.concat(Array.from({ length: 4 }, () => compress('abc\n'.repeat(6250))));

    test.each([
      ['one member', compress(content)],
      ['members one behind the other', members],
    ])('refuses more bytes than maxUncompressedBytes, and stages no more: %s', async (_, bytes) => {
      let staged = 0;
      const stage = async (_index: number, chunk: Uint8Array) => void (staged += chunk.length);
      const planWithin = (maxUncompressedBytes: number) => {
        const input = inputOptions('text', { bundleBytes: 1000, maxUncompressedBytes });
        return planObject(memorySource(bytes), input, { compression, stage });
      };
      await expect(planWithin(99_999)).rejects.toMatchObject({
        code: 'TOO_LARGE_UNCOMPRESSED',
        message: expect.stringContaining("99999 uncompressed bytes, the limit of 'input.maxUncompressedBytes'"),
      });
      expect(staged).toBeLessThan(100_000);
      expect(await planWithin(100_000)).toMatchObject({ byteLength: 100_000 });
    });

    test('refuses more lines than maxElements', async () => {
      const bytes = compress(content);
      const planWithin = (maxElements: number) =>
        planObject(memorySource(bytes), inputOptions('text', { maxElements }), { compression });
      await expect(planWithin(24_999)).rejects.toMatchObject({
        code: 'TOO_MANY_ELEMENTS',
        message: expect.stringContaining("24999 elements, the limit of 'input.maxElements'"),
      });
      expect(await planWithin(25_000)).toMatchObject({ byteLength: 100_000 });
    });
  });

  test('takes the first elements of an object that has too many', async () => {
    const input = inputOptions('text', { maxElements: 10, maxUncompressedBytes: 1_000_000 });
    const source = memorySource(gzipSync('abc\n'.repeat(1_000_000)));
    expect(await planObject(source, input, { compression: 'gzip', limit: 10 })).toMatchObject({ byteLength: 40 });
  });

  test('ends when it is aborted', async () => {
    const source = memorySource(gzipSync('1\n'.repeat(100)));
    const options = { compression: 'gzip', signal: AbortSignal.abort(new Error('stop')) } as const;
    await expect(planObject(source, inputOptions('jsonl'), options)).rejects.toThrow('stop');
  });
});

describe('bundleRange', () => {
  test('covers an object without gaps', () => {
    const plan = { kind: 'ranges', start: 10, byteLength: 35, bundleBytes: 10 } as const;
    expect([0, 1, 2].map((index) => bundleRange(plan, index))).toEqual([
      { start: 10, end: 20, startsLine: true },
      { start: 20, end: 30 },
      { start: 30, end: 35 },
    ]);
  });

  test.each([-1, 3, 0.5])('refuses an index that is none: %d', (index) => {
    expect(() => bundleRange({ kind: 'cuts', byteLength: 9, starts: [0, 3, 6] }, index)).toThrow(RangeError);
    expect(() => bundleRange({ kind: 'ranges', start: 0, byteLength: 9, bundleBytes: 3 }, index)).toThrow(RangeError);
  });
});
