import { describe, expect, test } from 'vitest';
import { flatMap, map } from '../../../../lib/config/steps.ts';
import type { Element } from '../../../../lib/elements/element.ts';
import { failAt, failures, ODD, odd, predictions, refuse, run, tenfold } from './steps-of-numbers.ts';

describe('flatMap', () => {
  const counted = flatMap((n: number) => Array.from({ length: n }, (__, at) => at));

  test('takes a value apart, its pieces through the steps that follow, and puts these together again', async () => {
    expect(await predictions([counted, tenfold], [3, 0, 1])).toEqual([[0, 10, 20], [], [0]]);
    expect(await predictions([flatMap(async (n: number) => [n, n]), counted], [2])).toEqual([
      [
        [0, 1],
        [0, 1],
      ],
    ]);
  });

  test('lets functions see the element beside a piece', async () => {
    const seen: Element[] = [];
    await run([counted, map((_, element) => void seen.push({ ...of(element) }))], [2, 1]);
    expect(seen).toEqual([
      { id: 'e#0', input: 2 },
      { id: 'e#0', input: 2 },
      { id: 'e#1', input: 1 },
    ]);
  });

  test('gives null for a piece that a filter refuses', async () => {
    expect(await predictions([counted, refuse(1), tenfold], [3])).toEqual([[0, null, 20]]);
  });

  test('fails an element as the first of its pieces that fail does', async () => {
    const steps = [counted, failAt(2), map((n: number) => (n === 1 ? odd() : n))];
    expect(await failures(steps, [0, 1, 2, 3])).toEqual([
      { place: 2, stage: 'step[2].map', error: ODD },
      { place: 3, stage: 'step[2].map', error: ODD },
    ]);
    expect(await failures([counted, failAt(2)], [2, 4])).toEqual([
      { place: 1, stage: 'step[1].map', error: { name: 'RangeError', message: 'unlucky' } },
    ]);
  });

  test.each([
    ['a string', 'ab', 'string'],
    ['null', null, 'null'],
    ['nothing', undefined, 'undefined'],
    ['a set', new Set([1]), 'object'],
  ])('that gives %s fails its element', async (_, given, type) => {
    const message = `the function must give an array of pieces: it gave ${type}`;
    expect(await failures([flatMap(() => given as never)], [1])).toEqual([
      { place: 0, stage: 'flatMap', error: { name: 'NotAnArrayError', message } },
    ]);
  });

  test('takes ten thousand pieces of one element', async () => {
    const [pieces] = await predictions([flatMap(() => Array.from({ length: 10_000 }, (_, n) => n)), tenfold], [1]);
    expect(pieces).toEqual(Array.from({ length: 10_000 }, (_, n) => n * 10));
  });
});

/** What is in an element, whose fields are getters. */
function of({ id, input }: Element): Element {
  return { id, input };
}
