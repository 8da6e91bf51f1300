import { describe, expect, test } from 'vitest';
import type { InputOptions } from '../../lib/formats/format.ts';
import { planObject } from '../../lib/formats/plan-object.ts';
import { bundleCount } from '../../lib/formats/plan.ts';
import { inputOptions, readAll, readBundles } from './reading.ts';
import { memorySource } from './sources.ts';

async function inputs(content: string, options: Partial<InputOptions> = {}): Promise<readonly unknown[]> {
  return (await readAll(content, 'csv', options)).map(({ input, failure }) => failure?.name ?? input);
}

function plan(content: string | Buffer, options: Partial<InputOptions> = {}) {
  return planObject(memorySource(content), inputOptions('csv', options));
}

describe('the columns of CSV', () => {
  test.each([
    ['without a name are called by their places', ',age,\n0,31,x\n', { 'column 1': '0', age: '31', 'column 3': 'x' }],
    [
      'that share a name are called by it and their places',
      'k,region,a,region\n1,north,2,n\n',
      { k: '1', 'region (column 2)': 'north', a: '2', 'region (column 4)': 'n' },
    ],
    ['may be named by numbers beside others', 'id,2024,2025\na,1,2\n', { id: 'a', '2024': '1', '2025': '2' }],
  ])('%s', async (_, content, row) => {
    expect(await inputs(content)).toEqual([row]);
  });

  test.each([
    ['1,2,3\n4,5,6\n', {}, "its names are numbers, as in a file without a header: set 'input.header' to false"],
    [' -1.5e3 ,,.5\n', {}, 'its names are numbers'],
    [',,\n1,2,3\n', {}, 'no column has a name'],
    ['a,b,a\n1,2,3\n', { id: 'a' }, 'unique where they are used: \'input.id\' is "a", which comes twice'],
    ['a,b,a\n1,2,3\n', { key: 'a' }, '\'input.key\' is "a"'],
    ['a,b,a\n1,2,3\n', { inferenceArgs: 'a' }, '\'input.inferenceArgs\' is "a"'],
    [',column 1\n1,2\n', {}, 'names must be unique'],
    ['id,v,v\n1,2,3\n', { wholeRows: true }, 'where a function gets whole rows: "v" is the name of columns 2 and 3'],
    ['a,"b\n1,2\n', {}, 'its first row does not end'],
    ['a,b,c\n1,2,3\n', { maxColumns: 2 }, "it has 3 columns, more than 'input.maxColumns', 2"],
    ['1,2,3\n1,2\n', { maxColumns: 2, header: false }, "it has 3 columns, more than 'input.maxColumns', 2"],
    [`${'c,'.repeat(100_000)}c\n`, {}, "it has 100001 columns, more than 'input.maxColumns', 100000"],
    ['a,"b"x\n1,2\n', {}, 'text follows the closing quote of a name'],
  ])('are refused where their names cannot be used: %j', async (content, options, message) => {
    const refused = { code: 'INVALID_CSV_HEADER', message: expect.stringContaining(message) };
    await expect(plan(content, options)).rejects.toMatchObject(refused);
  });

  test.each([
    [
      'age,Income\n1,2\n',
      {},
      "it has no column 'income', which the model's 'inputs' name; did you mean 'Income'?; its columns are age, Income",
    ],
    ['p,q\n1,2\n', {}, "it has no column 'age' and 1 more, which the model's 'inputs' name; its columns are p, q"],
    [
      '1,2\n',
      { header: ['age', 'incomes'] },
      "no column 'income', which the model's 'inputs' name; did you mean 'incomes'?",
    ],
    ['1,2\n', { header: false }, "no column 'age' and 1 more, which the model's 'inputs' name; its columns are 0, 1"],
  ])('are refused without those that a model reads: %j', async (content, options, message) => {
    const refused = { code: 'UNKNOWN_COLUMNS', message: expect.stringContaining(message) };
    await expect(plan(content, { ...options, neededColumns: ['age', 'income'] })).rejects.toMatchObject(refused);
    expect(await plan('age,x,income\n1,2,3\n', { neededColumns: ['age', 'income'] })).toBeDefined();
  });

  test('are refused with the byte that is not UTF-8', async () => {
    const bytes = Buffer.concat([Buffer.from('id,\uFFFDstra'), Buffer.from([0xdf]), Buffer.from('e\n1,2\n')]);
    await expect(plan(bytes)).rejects.toThrow(
      'it is not valid UTF-8, byte 11 of it is 0xdf: convert the file to UTF-8',
    );
  });
});

describe('input.header', () => {
  test('may say that numbers are names', async () => {
    expect(await inputs('0,1\na,b\n', { header: true })).toEqual([{ 0: 'a', 1: 'b' }]);
  });

  test('may name the columns of a file whose first row is data', async () => {
    const header = ['x', 'y'];
    expect(await inputs('1,2\n"3",4\n5\n', { header })).toEqual([
      { x: '1', y: '2' },
      { x: '3', y: '4' },
      'ColumnCountMismatch',
    ]);
    expect(bundleCount(await plan('', { header }))).toBe(0);
  });

  test('may be false: the input is the array of the fields, and the first good row says how many there are', async () => {
    const content = '"bad"x\n1,2\n3\n\n"4,5",6\n';
    expect(await inputs(content, { header: false })).toEqual([
      'StrayQuote',
      ['1', '2'],
      'ColumnCountMismatch',
      ['4,5', '6'],
    ]);
    expect(await inputs('"never', { header: false })).toEqual(['UnclosedQuote']);
    expect(await inputs('\uFEFF1;2\n', { header: false, delimiter: ';' })).toEqual([['1', '2']]);
  });

  test.each([
    ['csv', ',', true],
    ['csv', ',', false],
    ['tsv', '\t', true],
    ['tsv', '\t', false],
  ] as const)(
    'loses no row behind a byte order mark: %s, %j, quotedNewlines: %j',
    async (format, delimiter, quotedNewlines) => {
      const content = ['\uFEFF1,2', '3,4', '5,6'].map((row) => `${row.replace(',', delimiter)}\n`).join('');
      for (const header of [false, ['x', 'y']] as const)
        for (const bundleBytes of [1, 3, 4, 5, 1000]) {
          const input = inputOptions(format, { header, quotedNewlines, bundleBytes });
          const rows = (await readBundles(memorySource(content, 2), input)).bundles.flat();
          expect(rows.map(({ input }) => Object.values(input as object))).toEqual([
            ['1', '2'],
            ['3', '4'],
            ['5', '6'],
          ]);
          expect(rows.map(({ position }) => position)).toEqual([3, 7, 11]);
        }
    },
  );

  test.each([false, ['x', 'y']] as const)('gives the same rows in any bundles: %j', async (header) => {
    const content = Array.from({ length: 40 }, (_, n) => `${n},"${n}\n"`).join('\n');
    const whole = await readAll(content, 'csv', { header });
    expect(whole).toHaveLength(40);
    for (const quotedNewlines of [true, false]) {
      const input = inputOptions('csv', { header, bundleBytes: 20, quotedNewlines });
      const { bundles } = await readBundles(memorySource(content.replaceAll('\n"', '"')), input);
      expect(bundles.length).toBeGreaterThan(5);
      expect(bundles.flat()).toHaveLength(40);
    }
    const { bundles } = await readBundles(memorySource(content, 7), inputOptions('csv', { header, bundleBytes: 20 }));
    expect(bundles.flat()).toEqual(whole);
  });
});

describe('a first line that names the delimiter', () => {
  test.each(['sep=;\r\nid;a\r\n1;2,5\r\n', '\uFEFF"sep=;"\nid;a\n1;2,5\n', 'SEP=;\nid;a\n1;"2,5"'])(
    'is honoured, and is no header: %j',
    async (content) => {
      expect(await inputs(content)).toEqual([{ id: '1', a: '2,5' }]);
      expect(await inputs(content, { delimiter: '|' })).toEqual([{ id: '1', a: '2,5' }]);
      const tsv = await readAll(content, 'tsv');
      expect(tsv.map(({ input }) => input)).toEqual([{ id: '1', a: '2,5' }]);
    },
  );

  test('holds in every bundle', async () => {
    const content = `sep=|\na|b\n${'1|2\n'.repeat(30)}`;
    for (const quotedNewlines of [true, false]) {
      const input = inputOptions('csv', { bundleBytes: 10, quotedNewlines });
      const { plan, bundles } = await readBundles(memorySource(content), input);
      expect(JSON.parse(JSON.stringify(plan))).toMatchObject({ dialect: { delimiter: '|' } });
      expect(bundles.flat().map(({ input }) => input)).toEqual(Array.from({ length: 30 }, () => ({ a: '1', b: '2' })));
    }
  });

  test('is data where it is more than that', async () => {
    expect(await inputs('sep=;x,b\n1,2\n')).toEqual([{ 'sep=;x': '1', b: '2' }]);
  });
});
