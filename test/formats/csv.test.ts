import { parse } from 'csv-parse/sync';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readCsvRows } from '../../lib/formats/csv.ts';
import { planObject } from '../../lib/formats/plan-object.ts';
import { bundleCount } from '../../lib/formats/plan.ts';
import { inputOptions, readAll, readBundles } from './reading.ts';
import { memorySource, recordingSource } from './sources.ts';

const named = async (content: string, options = {}) =>
  (await readAll(content, 'csv', options)).map(({ position, input, failure }) => [position, failure?.name ?? input]);

describe('readCsvRows', () => {
  test('gives rows as objects by the header', async () => {
    expect(await readAll('id,name\n1,Ada\r\n2,\n', 'csv')).toEqual([
      { position: 8, input: { id: '1', name: 'Ada' }, raw: undefined, failure: undefined },
      { position: 15, input: { id: '2', name: '' }, raw: undefined, failure: undefined },
    ]);
  });

  test('takes quoted delimiters, quotes and line breaks (RFC 4180)', async () => {
    expect(await named('a,b\n"x,y","she said ""hi"""\n"two\r\nlines",""\n')).toEqual([
      [4, { a: 'x,y', b: 'she said "hi"' }],
      [28, { a: 'two\r\nlines', b: '' }],
    ]);
  });

  test('takes quotes as they are in a field that does not begin with one', async () => {
    expect(await named('a,b\n5" disk,x"y"\n1,2\n')).toEqual([
      [4, { a: '5" disk', b: 'x"y"' }],
      [17, { a: '1', b: '2' }],
    ]);
  });

  test('fails a row of another column count by itself, with its text', async () => {
    const elements = await readAll('a,b\n1\n1,2\n1,2,3\n"x,y"\n', 'csv');
    expect(elements.map(({ input, failure }) => failure?.name ?? input)).toEqual([
      'ColumnCountMismatch',
      { a: '1', b: '2' },
      'ColumnCountMismatch',
      'ColumnCountMismatch',
    ]);
    expect(elements[2]).toMatchObject({
      raw: '1,2,3',
      failure: { message: 'The row has 3 columns where the header has 2' },
    });
  });

  test('gives the same rows, however many columns there are', async () => {
    const names = Array.from({ length: 300 }, (_, column) => `c${column}`);
    const values = names.map((_, column) => String(column));
    const content = `${names.join()}\n${values.join()}\n1\n"0",${values.slice(1).join()}\n${values.join()},300\n`;
    const row = Object.fromEntries(names.map((name, column) => [name, String(column)]));
    expect((await readAll(content, 'csv')).map(({ input, failure }) => failure?.name ?? input)).toEqual([
      row,
      'ColumnCountMismatch',
      row,
      'ColumnCountMismatch',
    ]);
  });

  test('skips blank lines', async () => {
    expect(await named('\n\na\n\n1\n\r\n2')).toEqual([
      [5, { a: '1' }],
      [9, { a: '2' }],
    ]);
  });

  test('fails only the first line of a row whose quote is never closed', async () => {
    expect(await named('a,b\n1,2\n"oops,3\n4,5\n6,7\n')).toEqual([
      [4, { a: '1', b: '2' }],
      [8, 'UnclosedQuote'],
      [16, { a: '4', b: '5' }],
      [20, { a: '6', b: '7' }],
    ]);
  });

  test('fails only the first line of a row that does not end within maxElementBytes', async () => {
    expect(await named('a,b\n"oops,3\n4,5\n6,7\n"x",8\n', { maxElementBytes: 10 })).toEqual([
      [4, 'UnclosedQuote'],
      [12, { a: '4', b: '5' }],
      [16, { a: '6', b: '7' }],
      [20, { a: 'x', b: '8' }],
    ]);
  });

  test('fails a long line by itself', async () => {
    expect(await named(`a,b\n1,2\n1,${'x'.repeat(100)}\n3,4\n`, { maxElementBytes: 20 })).toEqual([
      [4, { a: '1', b: '2' }],
      [8, 'ElementTooLarge'],
      [111, { a: '3', b: '4' }],
    ]);
  });

  test('fails a row that is not UTF-8 by itself', async () => {
    const content = Buffer.concat([Buffer.from('a\nü\n'), Buffer.from([0xfc]), Buffer.from('\nö\n')]);
    const elements = await readAll(content, 'csv');
    expect(elements.map(({ input, failure }) => failure?.name ?? input)).toEqual([
      { a: 'ü' },
      'InvalidUtf8',
      { a: 'ö' },
    ]);
  });

  test('has columns of any name', async () => {
    const [element] = await readAll('__proto__,constructor,1\nx,y,z\n', 'csv');
    expect(Object.entries(element?.input ?? {})).toEqual([
      ['1', 'z'],
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
  });

  test('separates TSV by tabs, and CSV by a delimiter of choice', async () => {
    expect((await readAll('a\tb\n1,5\t"2\t3"\n', 'tsv'))[0]?.input).toEqual({ a: '1,5', b: '2\t3' });
    expect((await readAll('a;b\n1,5;2\n', 'csv', { delimiter: ';' }))[0]?.input).toEqual({ a: '1,5', b: '2' });
    await expect(readAll('a\n1\n', 'csv', { delimiter: '||' })).rejects.toThrow(/'input.delimiter' must be one ASCII/);
  });

  test('ends every row with its line where quoted newlines are ruled out, and cuts the file unread', async () => {
    const input = inputOptions('csv', { quotedNewlines: false, bundleBytes: 6 });
    const source = recordingSource(memorySource('a,b\n1,"2"\n"oops,3\n4,5\n', 4));
    const { plan, bundles } = await readBundles(source, input);
    expect(plan).toEqual({ kind: 'ranges', start: 4, byteLength: 22, bundleBytes: 6, header: ['a', 'b'] });
    expect(bundles.flat().map(({ input, failure }) => failure?.name ?? input)).toEqual([
      { a: '1', b: '2' },
      'UnclosedQuote',
      { a: '4', b: '5' },
    ]);
  });

  test('reads well-formed CSV as csv-parse does', async () => {
    const field = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('', '"', ',', '\r\n', '\n', 'a"b'));
    const quoted = field.map((text) => `"${text.replaceAll('"', '""')}"`);
    const plain = fc.string().map((text) => text.replaceAll(/[",\r\n]/g, '') || 'x');
    const row = fc.tuple(fc.oneof(quoted, plain), fc.oneof(quoted, plain)).map((fields) => fields.join(','));
    await fc.assert(
      fc.asyncProperty(fc.array(row), fc.constantFrom('\n', '\r\n'), async (rows, ending) => {
        const content = ['a,b', ...rows].join(ending);
        const expected: unknown[] = parse(content, { columns: true, record_delimiter: ending });
        expect((await readAll(content, 'csv')).map((element) => element.input)).toEqual(expected);
      }),
    );
  });

  test('must be told the header', () => {
    expect(() =>
      readCsvRows({ source: memorySource('1\n'), range: { start: 0, end: 2 }, input: inputOptions('csv') }),
    ).toThrow(TypeError);
  });
});

function plan(content: string) {
  return planObject(memorySource(content), inputOptions('csv'));
}

describe('a CSV header', () => {
  test('is in no bundle', async () => {
    expect(await plan('\uFEFF"a b",c\n1,2\n')).toMatchObject({ starts: [11], header: ['a b', 'c'] });
  });

  test.each(['', '\uFEFF', '\n\n', 'a,b', 'a,b\n', '"a\nb",c\r\n'])('alone makes no bundles: %j', async (content) => {
    expect(bundleCount(await plan(content))).toBe(0);
  });
});
