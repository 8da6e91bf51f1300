import { describe, expect, test } from 'vitest';
import { filter, map } from '../../../../lib/config/steps.ts';
import { failures, NUMBERS, ODD, odd, predictions, tenfold } from './steps-of-numbers.ts';

describe('filter', () => {
  test('ends elements that it refuses: their prediction is null, and no later step sees them', async () => {
    const seen: number[] = [];
    const look = map((n: number) => {
      seen.push(n);
      return n;
    });
    expect(await predictions([filter((n: number) => n % 2 === 1), look, tenfold])).toEqual(
      NUMBERS.map((n) => (n % 2 === 1 ? n * 10 : null)),
    );
    expect(seen).toEqual([1, 3, 5, 7, 9]);
  });

  test('takes what counts as true, and may be async', async () => {
    expect(await predictions([filter((n: number) => n as unknown as boolean)], [0, 2])).toEqual([null, 2]);
    expect(await predictions([filter(async (n: number) => n > 1)], [1, 2])).toEqual([null, 2]);
  });

  test.each([
    ['throws', () => odd()],
    ['rejects', async () => odd()],
  ])('that %s fails its element at its stage', async (_, fn) => {
    expect(await failures([filter(fn)], [1])).toEqual([{ place: 0, stage: 'filter', error: ODD }]);
    expect(await failures([tenfold, filter(fn)], [1])).toMatchObject([{ stage: 'step[1].filter' }]);
  });
});
