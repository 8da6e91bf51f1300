import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ElementsFormatName } from '../../lib/formats/registry.ts';
import { inputOptions, readAll, readBundles } from './reading.ts';
import { memorySource } from './sources.ts';

async function outcomes(content: string, format: ElementsFormatName = 'csv'): Promise<readonly unknown[]> {
  return (await readAll(content, format)).map(({ input, failure }) => failure?.name ?? Object.values(input as object));
}

describe.each([
  ['csv', ','],
  ['tsv', '\t'],
] as const)('a stray quote in %s', (format, delimiter) => {
  test.each<[what: string, rows: string, expected: readonly unknown[]]>([
    ['text behind a closing quote', '1,"a"b\n2,c\n', ['StrayQuote', ['2', 'c']]],
    ['a space behind a closing quote', '"1" ,a\n2,c\n', ['StrayQuote', ['2', 'c']]],
    ['a backslash that escapes', '1,"he \\"hi\\", x"\n2,c\n', ['StrayQuote', ['2', 'c']]],
    ['a carriage return within a line', '1,"a"\rb\n2,c\n', ['StrayQuote', ['2', 'c']]],
    ['a quote that never closes', '1,"a\n2,c\n3,d\n', ['UnclosedQuote', ['2', 'c'], ['3', 'd']]],
    [
      'a quote that only another row closes',
      '1,"a\n2,c\n3,"d"\n4,e\n',
      ['UnclosedQuote', ['2', 'c'], ['3', 'd'], ['4', 'e']],
    ],
    ['a quote that closes in no place for it', '1,"a\n2,b "c"\n3,d', ['UnclosedQuote', ['2', 'b "c"'], ['3', 'd']]],
    ['one in the last row', '1,a\n2,"c', [['1', 'a'], 'UnclosedQuote']],
    ['text behind a closing quote in the last row', '1,a\n2,"c"x', [['1', 'a'], 'StrayQuote']],
    ['two, one in the lines of the other', '1,"a\n2,"c\n3,d\n', ['UnclosedQuote', 'UnclosedQuote', ['3', 'd']]],
    [
      'a field that closes on the next line',
      '1,"a\nb"\r\n2,""\n3,"""x"""',
      [
        ['1', 'a\nb'],
        ['2', ''],
        ['3', '"x"'],
      ],
    ],
  ])('fails its line only: %s', async (_, rows, expected) => {
    const content = `n,t\n${rows}`.replaceAll(',', delimiter);
    expect(await outcomes(content, format)).toEqual(
      JSON.parse(JSON.stringify(expected).replaceAll(', x', `${delimiter} x`)),
    );
  });
});

test('40 rows between two stray quotes keep their outcomes', async () => {
  const between = Array.from({ length: 40 }, (_, n) => `${n},fine`);
  const rows = await outcomes(['n,t', '0,"5 inch', ...between, '41,"6" inch', '42,last', ''].join('\n'));
  expect(rows).toEqual(['UnclosedQuote', ...between.map((row) => row.split(',')), 'StrayQuote', ['42', 'last']]);
});

/** The rule itself, line by line and from scratch for each row: `[position, text or undefined where it fails]`. */
function rowsByRule(content: string, limit: number): [number, string | undefined][] {
  const rows: [number, string | undefined][] = [];
  for (let start = 0; start < content.length;) {
    const lineEnd = content.indexOf('\n', start) + 1 || content.length;
    const end = rowEnd(content, start);
    const isGood = end !== undefined && end - start <= limit + 2;
    const next = isGood ? end : lineEnd;
    const text = content.slice(start, next).replace(/\r?\n$/, '');
    if (text !== '') rows.push([start, isGood && text.length <= limit ? text : undefined]);
    start = next;
  }
  return rows;
}

/** Undefined where the quotes of the row do not end as they should. */
function rowEnd(content: string, start: number): number | undefined {
  const row = /(?:"(?:[^"]|"")*"|[^",\n][^,\n]*|)(?:,(?:"(?:[^"]|"")*"|[^",\n][^,\n]*|))*(?:\r?\n|$)/y;
  row.lastIndex = start;
  const [text] = row.exec(content) ?? [];
  return text === undefined ? undefined : start + text.length;
}

test('rows end where the rule has them end, whatever the chunks, the bundles and the limit are', async () => {
  const piece = fc.constantFrom('a', '"', '""', ',', '\n', '\r\n', '\r', ',"', '",', '"\n', '\n"', 'bc,d\n', '"x"');
  const content = fc.array(piece, { maxLength: 60 }).map((pieces) => pieces.join(''));
  const cutting = fc.record({
    chunkBytes: fc.integer({ min: 1, max: 40 }),
    bundleBytes: fc.integer({ min: 1, max: 40 }),
    maxElementBytes: fc.constantFrom(3, 10, 1000),
  });
  await fc.assert(
    fc.asyncProperty(content, cutting, async (rows, { chunkBytes, bundleBytes, maxElementBytes }) => {
      const input = inputOptions('csv', { bundleBytes, maxElementBytes, header: ['a', 'b'] });
      const { bundles } = await readBundles(memorySource(`h,h\n${rows}`, chunkBytes), input);
      const found = bundles
        .flat()
        .map(({ position, failure, raw }) => [
          position,
          failure === undefined || failure.name === 'ColumnCountMismatch' ? 'good' : (raw ?? ''),
        ]);
      const expected = rowsByRule(`h,h\n${rows}`, maxElementBytes);
      expect(found.map(([position]) => position)).toEqual(expected.map(([position]) => position));
      expect(found.map(([, state]) => state === 'good')).toEqual(expected.map(([, text]) => text !== undefined));
    }),
    { numRuns: 500 },
  );
});

test('a file in which every line opens a quote is read once, and not once for each line', async () => {
  // By rescanning the rest for each line, this took minutes.
  const elements = await readAll(`a,b\n${'a","b\n'.repeat(100_000)}`, 'csv');
  expect(elements).toHaveLength(100_000);
  expect(elements.every(({ failure }) => failure?.name === 'UnclosedQuote')).toBe(true);
});
