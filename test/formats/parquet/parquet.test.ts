import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { InputOptions } from '../../../lib/formats/format.ts';
import { elementsFormat } from '../../../lib/formats/registry.ts';
import { bundleCount, bundleRange, type ObjectPlan } from '../../../lib/formats/plan.ts';
import { planObject } from '../../../lib/formats/plan-object.ts';
import { collect, inputOptions, readBundles, readRange } from '../reading.ts';
import { memorySource, recordingSource } from '../sources.ts';
import { expectedRows } from './expected-values.ts';
import { FILES, fixture, fixturePath, readFixture, rowsOf } from './parquet-files.ts';

describe('the rows of a Parquet file', () => {
  test.each(FILES)('have the values that pyarrow reads of %s, exactly', async (name) => {
    const elements = await readFixture(name);
    expect(rowsOf(elements)).toEqual(await expectedRows(fixturePath(name)));
    expect(elements.map(({ position }) => position)).toEqual([...elements.keys()]);
  });

  test.each(['types', 'nested', 'pages'])('of %s are the same in any cut into bundles', async (name) => {
    const source = memorySource(await fixture(name));
    const expected = await expectedRows(fixturePath(name));
    const input = inputOptions('parquet');
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(expected.length), { maxLength: 4 }), async (cuts) => {
        const borders = [0, ...cuts.toSorted((a, b) => a - b), expected.length];
        const rows: unknown[] = [];
        for (const [index, end] of borders.entries()) {
          const start = borders[index - 1] ?? 0;
          if (end > start) rows.push(...rowsOf(await readRange(source, { start, end }, input)));
        }
        expect(rows).toEqual(expected);
      }),
      { numRuns: 15 },
    );
  });

  test('have numbers, exact decimals and times as text, and integers past 2^53 as bigints', async () => {
    const rows = (await readFixture('types')).map(({ input }) => input as Readonly<Record<string, unknown>>);
    const seen = (name: string): unknown[] => rows.map((row) => row[name]).filter((value) => value !== null);
    expect(seen('int64')).toContain(-(2n ** 63n));
    expect(seen('uint64')).toContain(2n ** 64n - 1n);
    expect(seen('decimal38')[0]).toMatch(/^-?\d{1,30}\.\d{8}$/);
    expect(seen('ts_us_utc')[0]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    expect(seen('ts_ns')[0]).toMatch(/\.\d{9}$/);
    expect(seen('binary')[0]).toBeInstanceOf(Uint8Array);
  });
});

async function plan(name: string, options: Partial<InputOptions>, limit?: number): Promise<ObjectPlan> {
  const source = memorySource(await fixture(name));
  return planObject(source, inputOptions('parquet', options), limit === undefined ? {} : { limit });
}

describe('a Parquet file is planned', () => {
  test('by whole row groups up to bundleBytes', async () => {
    expect(await plan('types', {})).toMatchObject({ kind: 'rows', starts: [0], rows: 40 });
    expect(await plan('types-v2', { bundleBytes: 1 })).toMatchObject({ starts: [0, 30], rows: 40 });
  });

  test('within row groups whose pages are found by their headers, and reads only these', async () => {
    const file = await fixture('walked');
    const input = inputOptions('parquet', { bundleBytes: 1000, columns: ['c0', 'c3', 'c4'] });
    const planned = await planObject(memorySource(file), input);
    expect(planned).toMatchObject({ kind: 'rows', rows: 300 });
    const { pages = [], starts } = planned.kind === 'rows' ? planned : { starts: [] };
    expect(starts.length).toBeGreaterThan(3);
    expect(pages).toHaveLength(starts.length);
    const source = recordingSource(memorySource(file));
    const rows: unknown[] = [];
    for (const index of starts.keys()) {
      const range = bundleRange(planned, index);
      const read = await readRange(source, range, input);
      expect(read).toHaveLength(range.end - range.start);
      rows.push(...rowsOf(read));
    }
    const expected = (await expectedRows(fixturePath('walked'))) as readonly Readonly<Record<string, unknown>>[];
    expect(rows).toEqual(expected.map(({ c0, c3, c4 }) => ({ c0, c3, c4 })));
    // The footer and the pages, for each bundle.
    expect(source.asked).toHaveLength(2 * starts.length);
  });

  test('within row groups whose pages are listed', async () => {
    const source = memorySource(await fixture('pages'));
    const { plan, bundles } = await readBundles(source, inputOptions('parquet', { bundleBytes: 400, columns: ['c0'] }));
    expect(plan.kind === 'rows' && plan.starts.length).toBeGreaterThan(3);
    const expected = (await expectedRows(fixturePath('pages'))) as readonly { readonly c0: unknown }[];
    expect(rowsOf(bundles.flat())).toEqual(expected.map(({ c0 }) => ({ c0 })));
  });

  test('into pieces that are not smaller than their dictionaries', async () => {
    const whole = await plan('walked', { bundleBytes: 60, columns: ['id'] });
    expect(whole).toMatchObject({ starts: [0] });
  });

  test('to a limit of rows', async () => {
    const limited = await plan('types', { bundleBytes: 1 }, 20);
    expect(limited).toMatchObject({ rows: 20 });
    expect(limited.kind === 'rows' && limited.starts.every((start) => start < 20)).toBe(true);
  });

  test('without bundles if it has no rows', async () => {
    expect(bundleCount(await plan('empty', {}))).toBe(0);
  });

  test('and refused if it has more rows than maxElements', async () => {
    await expect(plan('types', { maxElements: 39 })).rejects.toMatchObject({ code: 'TOO_MANY_ELEMENTS' });
  });
});

describe('the bytes of a Parquet file', () => {
  test('are read by one request for the footer when it is planned', async () => {
    const source = recordingSource(memorySource(await fixture('types')));
    await planObject(source, inputOptions('parquet'));
    expect(source.asked).toHaveLength(1);
  });

  test('are only those of the pages with a bundle’s rows, by few requests', async () => {
    const file = await fixture('pages');
    const input = inputOptions('parquet', { columns: ['c0'], bundleBytes: 400 });
    const plan = await planObject(memorySource(file), input);
    const source = recordingSource(memorySource(file));
    const range = bundleRange(plan, 1);
    const rows = await readRange(source, range, input);
    expect(rows).toHaveLength(range.end - range.start);
    expect(Object.keys(rows[0]?.input as object)).toEqual(['c0']);
    // The footer, the list of pages, and the pages.
    expect(source.asked.length).toBeLessThanOrEqual(3);
    const pages = source.asked.at(-1);
    expect((pages?.end ?? 0) - (pages?.start ?? 0)).toBeLessThan(1000);
  });
});

describe('columns', () => {
  test('that are named are read, with the id and the key, in the order of the file', async () => {
    const [first] = await readFixture('pages', { columns: ['c1'], id: 'id', key: 'c4' });
    expect(Object.keys(first?.input as object)).toEqual(['id', 'c1', 'c4']);
  });

  test('can be named by a field in them', async () => {
    const [first] = await readFixture('nested', { columns: ['struct.a'] });
    expect(Object.keys(first?.input as object)).toEqual(['struct']);
  });

  test.each([
    [{ columns: ['c9'] }, "it has no column 'c9', which 'input.columns' names"],
    [{ neededColumns: ['c0', 'x', 'y'] }, "it has no column 'x' and 1 more, which the model's 'inputs' name"],
  ])('that are not in the file are refused: %j', async (options, message) => {
    await expect(readFixture('pages', options)).rejects.toMatchObject({
      code: 'UNKNOWN_COLUMNS',
      message: expect.stringContaining(message),
    });
  });
});

describe('folders of a Parquet file', () => {
  const name = 'sales/country=us%20west/c4=9/day=__HIVE_DEFAULT_PARTITION__/part=0.parquet';

  async function firstRow(options: Partial<InputOptions>): Promise<unknown> {
    const source = memorySource(await fixture('pages'));
    const input = inputOptions('parquet', options);
    const range = bundleRange(await planObject(source, input, { name }), 0);
    const [first] = await collect(elementsFormat('parquet').read({ source, name, range, input }));
    return first?.input;
  }

  test('are fields of its rows, unless the file has a column of the name', async () => {
    expect(await firstRow({ partitioning: 'hive' })).toMatchObject({
      id: 'r0',
      c4: true,
      country: 'us west',
      day: null,
    });
  });

  test('can be among the columns that are named', async () => {
    const columns = ['c3', 'country'];
    expect(await firstRow({ partitioning: 'hive', columns })).toEqual({ c3: 0, country: 'us west' });
    await expect(firstRow({ partitioning: 'hive', columns: ['state'] })).rejects.toMatchObject({
      code: 'UNKNOWN_COLUMNS',
    });
  });

  test('are not read by default', async () => {
    expect(await firstRow({})).not.toHaveProperty('country');
  });
});
