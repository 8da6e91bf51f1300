import { describe, expect, test } from 'vitest';
import { filter, mapBatches, type Step } from '../../../../lib/config/steps.ts';
import { ElementReadError } from '../../../../lib/errors.ts';
import type { FunctionScope } from '../../../../lib/inference/worker/element-functions.ts';
import { failAt, failures, NUMBERS, ODD, odd, predictions, refuse, run } from './steps-of-numbers.ts';
import { SCOPE } from './run-functions.ts';

describe('mapBatches', () => {
  const calls: (readonly unknown[])[] = [];

  const noted = (batchSize?: number): Step =>
    mapBatches(
      (values: readonly number[], elements) => {
        expect(elements.map(({ input }) => input)).toEqual(values);
        calls.push([...values]);
        return values.map((n) => n * 10);
      },
      batchSize === undefined ? {} : { batchSize },
    );

  const callsOf = async (steps: readonly Step[], values?: readonly unknown[], scope?: Partial<FunctionScope>) => {
    calls.length = 0;
    await run(steps, values, scope);
    return [...calls];
  };

  test('calls its function with so many values, however they are read; the last call may have fewer', async () => {
    expect(await callsOf([noted(3)])).toEqual([[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]);
    expect(await predictions([noted(3)])).toEqual(NUMBERS.map((n) => n * 10));
    const many = Array.from({ length: 600 }, (_, n) => n);
    expect((await callsOf([noted()], many)).map(({ length }) => length)).toEqual([256, 256, 88]);
  });

  test('leaves out elements that are through', async () => {
    const steps = [refuse(1), failAt(2), noted(3)];
    expect(await callsOf(steps)).toEqual([
      [0, 3, 4],
      [5, 6, 7],
      [8, 9],
    ]);
    expect((await run(steps)).map(({ value, failure }) => failure?.stage ?? value)).toEqual([
      0,
      null,
      'step[1].map',
      30,
      40,
      50,
      60,
      70,
      80,
      90,
    ]);
  });

  test('holds no batch open while elements without number go by', async () => {
    const values = Array.from({ length: 40_000 }, (_, n) => n);
    const once = await callsOf([filter((n: number) => n === 7 || n === 39_000), noted(2)], values);
    expect(once).toEqual([[7], [39_000]]);
  });

  test('fails those elements alone that its function does not take, whatever it throws', async () => {
    for (const step of [mapBatches(picky), mapBatches(async (values: readonly number[]) => picky(values))]) {
      expect(await failures([step])).toEqual([
        { place: 3, stage: 'map', error: ODD },
        { place: 7, stage: 'read', error: { name: 'Blurred', message: 'no' } },
      ]);
    }
  });

  test.each([
    ['too many', [1, 2, 3], ': got 3 for 1'],
    ['too few', [], ': got 0 for 1'],
    ['no array', 5, ', as an array or another iterable: got a number'],
    ['nothing', undefined, ', as an array or another iterable: got undefined (does the function return?)'],
  ])('fails elements for which its function gives %s results', async (_, results, given) => {
    const message = `the function must give one result for each element${given}`;
    expect(await failures([mapBatches(() => results as never)], [5, 6])).toEqual(
      [0, 1].map((place) => ({ place, stage: 'map', error: { name: 'ResultCountError', message } })),
    );
  });

  test('fails those elements alone for which its function never comes back', async () => {
    const step = mapBatches<number, number>((values) => (values.includes(5) ? new Promise(() => {}) : values));
    expect(await failures([step], NUMBERS, { timeoutSecs: 0.1 })).toEqual([
      {
        place: 5,
        stage: 'map',
        error: { name: 'TimeoutError', message: 'map took longer than 0.1 s, the limit of its functions' },
      },
    ]);
  });

  test('says where it stands only if that is one element', async () => {
    const entered: number[] = [];
    const progress = { ...SCOPE.progress, enter: (_: number, ordinal: number) => void entered.push(ordinal) };
    await run([noted(4)], [0, 1, 2, 3, 4], { progress });
    expect(entered).toEqual([4]);
  });

  test('calls its function for one element at a time where a worker was lost', async () => {
    expect(await callsOf([noted(4)], [0, 1, 2], { oneByOne: true })).toEqual([[0], [1], [2]]);
  });

  test('leaves out an element that is known to end a worker there', async () => {
    const known = new Map([[1, { code: 0, error: new Error('spun') }]]);
    expect(await callsOf([noted(4)], [0, 1, 2], { known })).toEqual([[0, 2]]);
    expect(await failures([noted(4)], [0, 1, 2], { known })).toMatchObject([{ place: 1, error: { message: 'spun' } }]);
  });
});

/** Throws for some values, and for others says that they can't be read. */
function picky(values: readonly number[]): readonly number[] {
  if (values.includes(3)) odd();
  if (values.includes(7)) throw new ElementReadError('Blurred', 'no');
  return values;
}
