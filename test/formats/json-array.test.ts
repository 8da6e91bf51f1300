import { describe, expect, test } from 'vitest';
import { planObject } from '../../lib/formats/plan-object.ts';
import { bundleCount, bundleRange } from '../../lib/formats/plan.ts';
import { inputOptions, readAll, readBundles, readRange } from './reading.ts';
import { memorySource, recordingSource } from './sources.ts';

const named = async (content: string, options = {}) =>
  (await readAll(content, 'json', options)).map(({ position, input, failure }) => [position, failure?.name ?? input]);

const deep = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`;

describe('readJsonArray', () => {
  test('gives each element by its index, with its text', async () => {
    expect(await readAll('\uFEFF [ {"a": "],[\\""} ,\n[1, [2]] , "x,y",3]\n', 'json')).toEqual([
      { position: 0, input: { a: '],["' }, raw: '{"a": "],[\\""}', failure: undefined },
      { position: 1, input: [1, [2]], raw: '[1, [2]]', failure: undefined },
      { position: 2, input: 'x,y', raw: '"x,y"', failure: undefined },
      { position: 3, input: 3, raw: '3', failure: undefined },
    ]);
  });

  test('fails a bad element by itself', async () => {
    expect(await named('[1, oops, {"a": 1 "b"}, , {]}, 6]')).toEqual([
      [0, 1],
      [1, 'JsonSyntaxError'],
      [2, 'JsonSyntaxError'],
      [3, 'JsonSyntaxError'],
      [4, 'JsonSyntaxError'],
      [5, 6],
    ]);
  });

  test('fails an element that is nested too deeply by itself', async () => {
    expect(await named(`[1, ${deep(513)}, ${deep(100_000)}, 4]`)).toEqual([
      [0, 1],
      [1, 'ElementTooDeep'],
      [2, 'ElementTooDeep'],
      [3, 4],
    ]);
  });

  test('takes no notice of a comma behind the last element', async () => {
    expect(await named('[1, 2, ]')).toEqual([
      [0, 1],
      [1, 2],
    ]);
  });

  test('fails the element that an array is cut short in', async () => {
    expect(await named('[1, {"a": [2')).toEqual([
      [0, 1],
      [1, 'JsonSyntaxError'],
    ]);
  });

  test('fails an element that is too large by itself', async () => {
    expect(await named(`[1, {"a": "${'x]'.repeat(500)}"}, 3]`, { maxElementBytes: 100 })).toEqual([
      [0, 1],
      [1, 'ElementTooLarge'],
      [2, 3],
    ]);
  });

  test.each([
    ['\n[\n   ] ', []],
    ['[       ]', []],
    ['[1,       ]', [1]],
    ['[       2,1]', [2, 1]],
    ['[  \n    2,       1', [2, 'JsonSyntaxError']],
    ['[       22222,1]', ['ElementTooLarge', 1]],
    ['[       ', []],
  ])(
    'counts no whitespace before an element or the end, whatever the chunks and bundles: %j',
    async (text, expected) => {
      for (const chunkBytes of [1, 2, 3, 5, 64]) {
        for (const bundleBytes of [1, 3, 100]) {
          const input = inputOptions('json', { maxElementBytes: 1, bundleBytes });
          const { bundles } = await readBundles(memorySource(text, chunkBytes), input);
          const elements = bundles.flat().map(({ position, input, failure }) => [position, failure?.name ?? input]);
          expect(elements).toEqual(expected.map((element, index) => [index, element]));
        }
      }
    },
  );

  test('knows the index of the first element of each bundle, and reads its own bytes only', async () => {
    const elements = Array.from({ length: 1000 }, (_, n) => ({ n }));
    const source = recordingSource(memorySource(JSON.stringify(elements), 512));
    const input = inputOptions('json', { bundleBytes: 1000 });
    const { plan, bundles } = await readBundles(source, input);
    expect(bundles.length).toBeGreaterThan(8);
    expect(bundles.flat().map(({ position, input }) => ({ position, input }))).toEqual(
      elements.map((input, position) => ({ position, input })),
    );
    source.given.length = 0;
    const range = bundleRange(plan, 3);
    await readRange(source, range, input);
    expect(source.given[0]?.start).toBe(range.start);
    expect(source.given.at(-1)?.end).toBe(range.end);
  });
});

function plan(content: string) {
  return planObject(memorySource(content), inputOptions('json'));
}

describe('a JSON array', () => {
  test.each(['', ' \n', '[]', ' [ \n ] \n'])('of no elements makes no bundles: %j', async (content) => {
    expect(bundleCount(await plan(content))).toBe(0);
  });

  test.each(['{"a": []}', '1', 'x', '\uFEFF"["'])('is refused where it is none: %s', async (content) => {
    await expect(plan(content)).rejects.toMatchObject({ code: 'INVALID_JSON_ARRAY' });
  });

  test('is refused where more follows it', async () => {
    await expect(plan('[1, 2]\n[3]')).rejects.toThrow('more follows after its closing bracket');
    await expect(plan('[]]')).rejects.toThrow('more follows after its closing bracket');
  });
});
