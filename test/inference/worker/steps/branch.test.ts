import { describe, expect, test } from 'vitest';
import { branch, flatMap, map, mapBatches, type Split } from '../../../../lib/config/steps.ts';
import { failAt, failures, letters, NUMBERS, ODD, odd, predictions, refuse, tenfold } from './steps-of-numbers.ts';

describe('branch', () => {
  test("takes each element through every branch by default, in the config's order", async () => {
    const [value] = await predictions([branch({ ten: [tenfold], letter: [letters], same: [refuse(5)] })], [2]);
    expect(value).toEqual({ ten: 20, letter: 'c', same: 2 });
    expect(Object.keys(value as object)).toEqual(['ten', 'letter', 'same']);
  });

  test('sends an element where its function says, and nowhere else', async () => {
    const seen: number[] = [];
    const look = map((n: number) => {
      seen.push(n);
      return n;
    });
    const rare = branch<number>({ rare: [look], usual: [letters] }, { split: (n) => (n === 4 ? 'rare' : 'usual') });
    expect(await predictions([rare], [3, 4, 5])).toEqual([{ usual: 'd' }, { rare: 4 }, { usual: 'f' }]);
    expect(seen).toEqual([4]);
  });

  test.each<[string, Split<number>]>([
    ['a function', (n) => (n === 100 ? 'b' : 'a')],
    ['weights', { a: 1, b: 0 }],
  ])('may have a branch that gets nothing: %s', async (_, split) => {
    const values = await predictions([branch({ a: [letters], b: [mapBatches(() => odd())] }, { split })]);
    expect(values).toEqual(NUMBERS.map((n) => ({ a: String.fromCharCode(97 + n) })));
  });

  test('ends only that way of an element that a filter refuses', async () => {
    const steps = [branch({ a: [refuse(1), tenfold], b: [tenfold] }), map((value) => value)];
    expect(await predictions(steps, [0, 1])).toEqual([
      { a: 0, b: 0 },
      { a: null, b: 10 },
    ]);
  });

  test('fails an element as the first of its branches does, and takes it through no other', async () => {
    const seen: number[] = [];
    const look = map((n: number) => {
      seen.push(n);
      return n;
    });
    const steps = [branch({ a: [tenfold, failAt(30)], b: [look, failAt(3), failAt(5)] })];
    expect(await failures(steps)).toEqual([
      { place: 3, stage: 'step[0].a.step[1].map', error: { name: 'RangeError', message: 'unlucky' } },
      { place: 5, stage: 'step[0].b.step[2].map', error: { name: 'RangeError', message: 'unlucky' } },
    ]);
    expect(seen).toEqual(NUMBERS.filter((n) => n !== 3));
  });

  test('gives each branch a value of its own, if no step has made it', async () => {
    const spoil = map((value: { n: number }) => {
      value.n += 1;
      return value.n;
    });
    const look = map((value: { n: number }, { input }) => [value.n, input]);
    expect(await predictions([branch({ a: [spoil], b: [spoil], c: [look] })], [{ n: 1 }])).toEqual([
      { a: 2, b: 2, c: [1, { n: 1 }] },
    ]);
  });

  test('may stand in a branch', async () => {
    const inner = branch({ c: [tenfold], d: [failAt(2)] });
    const steps = [branch({ a: [inner], b: [flatMap((n: number) => [n, n]), inner] })];
    expect(await predictions(steps, [1])).toEqual([
      {
        a: { c: 10, d: 1 },
        b: [
          { c: 10, d: 1 },
          { c: 10, d: 1 },
        ],
      },
    ]);
    expect(await failures(steps, [2])).toMatchObject([{ stage: 'step[0].a.step[0].d.step[0].map' }]);
  });

  describe('with a split function', () => {
    const branches = { a: [letters], b: [tenfold] };

    test('may be async, and sees the element', async () => {
      const step = branch<number>(branches, { split: async (n, { id }) => (id === 'e#1' || n === 0 ? 'a' : 'b') });
      expect(await predictions([step], [0, 1, 2])).toEqual([{ a: 'a' }, { a: 'b' }, { b: 20 }]);
    });

    test.each([
      ['throws', () => odd(), ODD],
      ['rejects', async () => odd(), ODD],
      ['names none', () => 'secret', unknownBranch('another name')],
      ['names what every object has', () => 'constructor', unknownBranch('another name')],
      ['gives nothing', (() => {}) as () => never, unknownBranch('undefined')],
      ['gives null', (() => null) as () => never, unknownBranch('null')],
    ])('that %s fails its element at stage split', async (_, split, error) => {
      expect(await failures([branch(branches, { split })], [1])).toEqual([{ place: 0, stage: 'step[0].split', error }]);
    });
  });
});

function unknownBranch(given: string) {
  return { name: 'UnknownBranchError', message: `the split function must name one of a, b: it gave ${given}` };
}
