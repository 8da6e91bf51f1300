import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FabricError } from '../../../lib/errors.ts';
import { planObject } from '../../../lib/formats/plan-object.ts';
import type { ByteSource } from '../../../lib/stores/byte-source.ts';
import { inputOptions, readAll, readRange } from '../reading.ts';
import { memorySource } from '../sources.ts';
import { expectedRows } from './expected-values.ts';
import { dataStart, fixture, fixturePath, readFixture, rowsOf } from './parquet-files.ts';

/** Replaces bytes wherever they are in a file. */
function patched(file: Buffer, from: string, to: string): Buffer {
  const text = file.toString('latin1');
  expect(text).toContain(from);
  return Buffer.from(text.replaceAll(from, to), 'latin1');
}

function footerStart(file: Buffer): number {
  return file.length - 8 - file.readUInt32LE(file.length - 8);
}

describe('a Parquet file is refused as a whole', () => {
  test.each<[string, (file: Buffer) => Buffer, string]>([
    ['if it was cut short', (file) => file.subarray(0, -20), "it does not end with 'PAR1'"],
    ['if it is encrypted', (file) => patched(file, 'PAR1', 'PARE'), 'the file is encrypted'],
    ['if it is compressed as a whole', (file) => gzipSync(file), 'it is compressed as a whole'],
    [
      'if its codec is not supported',
      (file) => patched(file, 'c3\x15\x0e', 'c3\x15\x06'),
      "column 'c3' is compressed with LZO",
    ],
    [
      'if its codec is unknown',
      (file) => patched(file, 'c3\x15\x0e', 'c3\x15\x1e'),
      'compressed with an unknown codec',
    ],
    [
      'if its footer is damaged',
      (file) => file.fill(0xff, footerStart(file), footerStart(file) + 10),
      'its footer is damaged',
    ],
    ['if its footer would be longer than it', (file) => Buffer.concat([file.subarray(-12)]), 'its footer is damaged'],
    [
      'if its data was cut off',
      (file) => Buffer.concat([file.subarray(0, 4), file.subarray(-4500)]),
      'is not within the file',
    ],
    ['if it has only a few bytes', () => Buffer.from('PAR1PAR1'), 'it has only 8 bytes'],
    ['if it is text', () => Buffer.from('{"n":1}\n'.repeat(9)), "it does not end with 'PAR1'"],
  ])('%s', async (_, change, message) => {
    const file = change(await fixture('pages'));
    const compression = file[0] === 0x1f ? ({ compression: 'gzip' } as const) : {};
    await expect(planObject(memorySource(file), inputOptions('parquet'), compression)).rejects.toMatchObject({
      code: 'INVALID_PARQUET',
      message: expect.stringMatching(new RegExp(`^Cannot read the Parquet file: .*${message}`)),
    });
  });

  test('and named if it is read as text', async () => {
    await expect(readAll(await fixture('types'), 'jsonl')).rejects.toThrow(
      "it is a Parquet file; Parquet is read by 'input.format': 'parquet'",
    );
  });
});

describe('a damaged page', () => {
  test('fails its rows and no others', async () => {
    const file = await fixture('pages');
    const expected = await expectedRows(fixturePath('pages'));
    // Within the first page of the column, behind its header.
    const at = dataStart(file, 'c2') + 100;
    file[at] = (file[at] ?? 0) ^ 1;
    const elements = await readAll(file, 'parquet');
    const failed = elements.filter(({ failure }) => failure !== undefined);
    expect(failed.length).toBeGreaterThan(0);
    expect(failed.length).toBeLessThan(100);
    for (const { failure } of failed) {
      expect(failure?.name).toBe('ParquetPageError');
      expect(failure?.message).toContain("A page of column 'c2' can't be read: its checksum is wrong");
    }
    const first = failed[0]?.position ?? 0;
    expect(failed.map(({ position }) => position)).toEqual(failed.map((_, index) => first + index));
    const others = elements.filter(({ failure }) => failure === undefined);
    expect(rowsOf(others)).toEqual(others.map(({ position }) => expected[position]));
  });

  test('with levels that do not fit those of the other parts of a column fails its rows', async () => {
    const file = await fixture('nested');
    // Found by damaging bytes at random.
    file[10_685] = (file[10_685] ?? 0) ^ 28;
    const elements = await readAll(file, 'parquet');
    expect(elements).toHaveLength(60);
    const failed = elements.filter(({ failure }) => failure !== undefined);
    expect(failed.length).toBeGreaterThan(0);
    expect(failed[0]?.failure?.name).toBe('ParquetPageError');
  });

  test.each(['types', 'types-v2', 'nested', 'pages', 'int96'])(
    'of %s never ends the reading of a file',
    async (name) => {
      const file = await fixture(name);
      const rows = (await expectedRows(fixturePath(name))).length;
      const footer = footerStart(file);
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 4, max: footer - 1 }),
          fc.integer({ min: 1, max: 255 }),
          async (at, bits) => {
            const damaged = Buffer.from(file);
            damaged[at] = (damaged[at] ?? 0) ^ bits;
            expect(await readAll(damaged, 'parquet')).toHaveLength(rows);
          },
        ),
        { numRuns: 60 },
      );
    },
  );
});

test('an error of the store ends the reading, and fails no rows', async () => {
  const source = memorySource(await fixture('walked'));
  let reads = 0;
  const broken: ByteSource = {
    byteLength: source.byteLength,
    read(range, options) {
      reads += 1;
      if (reads === 2) throw new FabricError('STORE_UNAVAILABLE', 'S3 does not answer');
      return source.read(range, options);
    },
  };
  const reading = readRange(broken, { start: 0, end: 300 }, inputOptions('parquet'));
  await expect(reading).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
});

describe('a row', () => {
  test('fails alone if it is larger than maxElementBytes', async () => {
    const elements = await readFixture('types', { columns: ['string'], maxElementBytes: 100 });
    const failed = elements.filter(({ failure }) => failure?.name === 'ElementTooLarge');
    expect(failed.length).toBeGreaterThan(0);
    expect(failed.length).toBeLessThan(elements.length / 2);
  });

  test('fails alone if a text is not UTF-8', async () => {
    const file = patched(await fixture('types'), 'Z\xc3\xbcrich', 'Z\xc3\x28rich');
    const expected = await expectedRows(fixturePath('types'));
    const rows = rowsOf(await readAll(file, 'parquet'));
    const failed = rows.filter((row) => row === 'InvalidUtf8');
    expect(failed.length).toBeGreaterThan(0);
    expect(
      rows.filter((row, index) => row !== 'InvalidUtf8' && JSON.stringify(row) !== JSON.stringify(expected[index])),
    ).toEqual([]);
    expect(failed.length).toBeLessThan(rows.length);
  });
});
