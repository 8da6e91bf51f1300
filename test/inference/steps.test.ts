import { describe, expect, test } from 'vitest';
import { branch, filter, flatMap, map, mapBatches, type Split, type Step } from '../../lib/config/steps.ts';
import type { Element } from '../../lib/elements/element.ts';
import { ElementReadError } from '../../lib/errors.ts';
import type { FunctionScope } from '../../lib/inference/element-functions.ts';
import { functionStages } from '../../lib/inference/stages.ts';
import type { Pages, WorkItem } from '../../lib/inference/work-item.ts';
import { all, itemsOf, pagesOf, runFunctions, SCOPE } from './run-functions.ts';

const NUMBERS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] as const;

async function run(
  steps: readonly Step[],
  values: readonly unknown[] = NUMBERS,
  scope: Partial<FunctionScope> = {},
): Promise<readonly WorkItem[]> {
  return await all(runFunctions(steps, pagesOf(itemsOf(values), [4]), scope));
}

async function predictions(steps: readonly Step[], values: readonly unknown[] = NUMBERS): Promise<readonly unknown[]> {
  return (await run(steps, values)).map(({ value }) => value);
}

/** Each failed element's place, with its failure. */
async function failures(steps: readonly Step[], values?: readonly unknown[], scope: Partial<FunctionScope> = {}) {
  const items = await run(steps, values, scope);
  return items.flatMap(({ failure }, place) => (failure === undefined ? [] : [{ place, ...failure }]));
}

const refuse = (unwanted: number) => filter((n: number) => n !== unwanted);
const failAt = (unlucky: number) =>
  map((n: number) => {
    if (n === unlucky) throw new RangeError('unlucky');
    return n;
  });
const tenfold = map((n: number) => n * 10);
const letters = map((n: number) => String.fromCharCode(97 + n));

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
    ['too many', [1, 2, 3], 'got 3 for 1'],
    ['too few', [], 'got 0 for 1'],
    ['no array', 5, 'got no array for 1'],
    ['nothing', undefined, 'got no array for 1'],
  ])('fails elements for which its function gives %s results', async (_, results, given) => {
    const message = `the function must give an array of one result for each value: ${given}`;
    expect(await failures([mapBatches(() => results as never)], [5, 6])).toEqual(
      [0, 1].map((place) => ({ place, stage: 'map', error: { name: 'ResultCountError', message } })),
    );
  });

  test('fails those elements alone for which its function never comes back', async () => {
    const step = mapBatches<number, number>((values) => (values.includes(5) ? new Promise(() => {}) : values));
    expect(await failures([step], NUMBERS, { timeoutSecs: 0.1 })).toEqual([
      { place: 5, stage: 'map', error: { name: 'TimeoutError', message: 'map took longer than 0.1 s' } },
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

describe('steps', () => {
  const nested = [
    tenfold,
    branch({ a: [mapBatches((values: readonly unknown[]) => values), flatMap((n) => [n]), tenfold], b: [letters] }),
    map((value) => value),
  ];

  test('have a stage for each function, in order', () => {
    expect(functionStages({ steps: nested }).map(({ name }) => name)).toEqual([
      'step[0].map',
      'step[1].split',
      'step[1].a.step[0].map',
      'step[1].a.step[1].flatMap',
      'step[1].a.step[2].map',
      'step[1].b.step[0].map',
      'step[2].map',
    ]);
    expect(functionStages({ steps: [refuse(1)] }).map(({ name }) => name)).toEqual(['filter']);
  });

  test('end what they read from when whoever reads their outcomes leaves', async () => {
    let ended = false;
    async function* endless(): Pages {
      try {
        for (;;) yield itemsOf([1, 2, 3]);
      } finally {
        ended = true;
      }
    }
    for await (const page of runFunctions(nested, endless())) {
      expect(page.length).toBeGreaterThan(0);
      break;
    }
    expect(ended).toBe(true);
  });

  test('pass on what ends the bundle', async () => {
    await expect(all(runFunctions(nested, broken()))).rejects.toThrow('the file is gone');
  });
});

const ODD = { name: 'TypeError', message: 'odd' };

function odd(): never {
  throw new TypeError('odd');
}

function unknownBranch(given: string) {
  return { name: 'UnknownBranchError', message: `the split function must name one of a, b: it gave ${given}` };
}

/** What is in an element, whose fields are getters. */
function of({ id, input }: Element): Element {
  return { id, input };
}

/** Throws for some values, and for others says that they can't be read. */
function picky(values: readonly number[]): readonly number[] {
  if (values.includes(3)) odd();
  if (values.includes(7)) throw new ElementReadError('Blurred', 'no');
  return values;
}

async function* broken(): Pages {
  yield itemsOf([1, 2, 3]);
  throw new Error('the file is gone');
}
