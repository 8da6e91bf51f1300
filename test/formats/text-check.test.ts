import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { ElementsFormatName } from '../../lib/formats/registry.ts';
import { planObject } from '../../lib/formats/plan-object.ts';
import { inputOptions, readAll, readBundles } from './reading.ts';
import { memorySource } from './sources.ts';

const formats: readonly ElementsFormatName[] = ['jsonl', 'json', 'csv', 'tsv', 'text'];
const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const utf16 = (text: string): Buffer => Buffer.from(text, 'utf16le');
const utf32 = (text: string): Buffer => Buffer.concat(Array.from(text, (letter) => latin1(`${letter}\0\0\0`)));
const rows = 'id,text\r\n1,хорошо или нет\r\n2,"the usual words, for a part"\r\n';

async function refusal(content: Buffer, format: ElementsFormatName = 'csv'): Promise<unknown> {
  return planObject(memorySource(content), inputOptions(format)).then(undefined, (error: unknown) => error);
}

describe('an object that is not UTF-8 text', () => {
  test.each([
    ['UTF-16LE', utf16(`\uFEFF${rows}`)],
    ['UTF-16BE', utf16(`\uFEFF${rows}`).swap16()],
    ['UTF-16LE', utf16(rows)],
    ['UTF-16BE', utf16(rows).swap16()],
    ['UTF-16LE', utf16('\uFEFF')],
    ['UTF-32LE', utf32(rows.replaceAll(/[^\n-z]/g, 'x'))],
    ['UTF-32BE', utf32(rows.replaceAll(/[^\n-z]/g, 'x')).swap32()],
    ['UTF-32LE', latin1('\xff\xfe\0\0a\0\0\0')],
  ])('is refused by the name of its encoding, %s', async (encoding, content) => {
    for (const format of formats) {
      const message = `Cannot read the object as '${format}': it is ${encoding} text; convert it to UTF-8`;
      expect(await refusal(content, format)).toMatchObject({ code: 'NOT_TEXT', message });
    }
  });

  test.each([
    ['a Parquet file', 'PAR1\x15\x04\x15\0'],
    ['an ORC file', 'ORC\n\x0b\n\x03\0'],
    ['an Avro file', 'Obj\x01\x04\x14avro.codec'],
    ['a SQLite database', 'SQLite format 3\0\x10'],
    ['a ZIP archive or an Office file (xlsx)', 'PK\x03\x04\x14\0'],
    ['a PDF file', '%PDF-1.7\n%\xe2\xe3'],
    ['a tar archive', `data.csv${'\0'.repeat(249)}ustar\x0000`],
    ['compressed with bzip2', 'BZh91AY&SY\xa0\x01\xff\xff\xff'],
    ['compressed with xz', '\xfd7zXZ\0\0\x04'],
    ['a JPEG image', '\xff\xd8\xff\xe0'],
  ])('is refused by what it is: %s', async (what, bytes) => {
    const refused = { code: 'NOT_TEXT', message: expect.stringContaining(`it is ${what}; `) };
    expect(await refusal(latin1(bytes))).toMatchObject(refused);
    const packed = planObject(memorySource(gzipSync(latin1(bytes))), inputOptions('jsonl'), { compression: 'gzip' });
    await expect(packed).rejects.toMatchObject(refused);
  });

  test('is refused where it was compressed twice', async () => {
    const twice = planObject(memorySource(gzipSync(gzipSync('1\n'))), inputOptions('jsonl'), { compression: 'gzip' });
    await expect(twice).rejects.toThrow('it is compressed with gzip, in gzip or zstd; decompress it once');
  });

  test('is read where it only begins like another kind, or has NULs', async () => {
    for (const text of ['PAR1 is a word\n', 'ORC\n', 'BZh91\n', 'PK\n', 'a\0b\n', 'abc\0def\0\0\n', '\0', 'GIF89a\n']) {
      expect((await readAll(text, 'text')).map(({ input }) => input)).toEqual([text.replace(/\n$/, '')]);
    }
  });

  test('fails line by line where single bytes are not UTF-8', async () => {
    const elements = await readAll(latin1('id,a\n1,stra\xdfe\n2,b\n'), 'csv');
    expect(elements.map(({ failure }) => failure?.name)).toEqual(['InvalidUtf8', undefined]);
  });
});

describe('lines that end with a carriage return only', () => {
  test.each<[ElementsFormatName, string, readonly unknown[]]>([
    [
      'csv',
      'id,a\r1,"x\ny"\r2,z\r',
      [
        { id: '1', a: 'x\ny' },
        { id: '2', a: 'z' },
      ],
    ],
    ['tsv', 'id\ta\r1\tx\r', [{ id: '1', a: 'x' }]],
    ['jsonl', '{"a":1}\r{"a":2}\r', [{ a: 1 }, { a: 2 }]],
    ['text', 'one\r\rtwo\r', ['one', '', 'two']],
    ['text', 'one\rtwo', ['one', 'two']],
  ])('are read: %s %j', async (format, content, expected) => {
    expect((await readAll(content, format)).map(({ input }) => input)).toEqual(expected);
  });

  test.each([true, false])(
    'are found in every bundle, and from what is staged of compressed ones: %j',
    async (quotedNewlines) => {
      const content = `n,t\r${Array.from({ length: 50 }, (_, n) => `${n},x\r`).join('')}`;
      const input = inputOptions('csv', { bundleBytes: 20, quotedNewlines });
      const { plan, bundles } = await readBundles(memorySource(content, 7), input);
      expect(JSON.parse(JSON.stringify(plan))).toMatchObject({ dialect: { carriageReturns: true } });
      expect(bundles.length).toBeGreaterThan(5);
      const gzip = await readBundles(memorySource(gzipSync(content)), input, { compression: 'gzip' });
      for (const elements of [bundles.flat(), gzip.bundles.flat()]) {
        expect(elements.map(({ position, input }) => [position, input])).toEqual(
          Array.from({ length: 50 }, (_, n) => [content.indexOf(`\r${n},`) + 1, { n: String(n), t: 'x' }]),
        );
      }
    },
  );

  test('are not taken for such where a line feed is among the first of them', async () => {
    expect((await readAll('a\rb\nc\r', 'text')).map(({ input }) => input)).toEqual(['a\rb', 'c\r']);
    expect((await readAll('one\r', 'text')).map(({ input }) => input)).toEqual(['one\r']);
  });
});
