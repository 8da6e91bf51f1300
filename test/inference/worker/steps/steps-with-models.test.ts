import { describe, expect, test } from 'vitest';
import { weightedChoice } from '../../../../lib/inference/worker/steps/split.ts';
import { expectOnlyFailures, failuresOf, runBundle, writeBundle } from '../../run-bundle.ts';
import { sharedEngines, startEngine } from '../../start-engine.ts';

const engineOf = sharedEngines('steps');

const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
const NO_LUCK = { name: 'UnluckyNumberError', message: 'no luck' };

describe('a sequence of several models', () => {
  test('gives each what the one before gave, and names those that an element went through', async () => {
    const { outcomes } = await runBundle(await engineOf('sequence'), numbers(40));
    expectOnlyFailures(outcomes, [6, 13], (n) => ((2 * n + 1) ** 2 < 50 ? 2 * (2 * n + 1) ** 2 : null));
    expect(outcomes[1]?.model).toEqual(['Double', 'Square', 'Double']);
    expect(outcomes[30]?.model).toEqual(['Double', 'Square']);
  });

  test.each([
    [13, 'step[0].inference', 4],
    [6, 'step[2].inference', 5],
  ])('names the step at which an element failed: %s at %s', async (n, stage, attempts) => {
    const { outcomes } = await runBundle(await engineOf('sequence'), [1, n, 2, 3, 0, 1, 2, 3]);
    const [failure] = expectOnlyFailures(outcomes, [1], (place) => [18, 0, 50, 98, 2, 18, 50, 98][place] ?? 0);
    expect(failure).toMatchObject({ stage, error: NO_LUCK, attempts });
  });
});

describe('branches with models', () => {
  test('are an ensemble', async () => {
    const { outcomes } = await runBundle(await engineOf('ensemble'), numbers(600));
    const failed = [12, 13];
    const failures = expectOnlyFailures(outcomes, failed, (n) => (2 * n + (n + 1) ** 2) / 2);
    expect(failures.map(({ stage }) => stage)).toEqual([
      'step[0].other.step[1].inference',
      'step[0].one.step[0].inference',
    ]);
    expect(outcomes[0]?.model).toEqual(['Double', 'Square']);
  });

  test('take each element one way by its id, the same in every run, and name the models of that way', async () => {
    const elements = numbers(300).map((n) => n + 20);
    const { outcomes } = await runBundle(await engineOf('weighted'), elements);
    const choose = weightedChoice([
      ['a', 1],
      ['b', 1],
    ]);
    const expected = outcomes.map(({ id }, place) => {
      const n = 2 * (elements[place] ?? 0);
      return choose(id) === 'a'
        ? { prediction: { a: n * n }, model: ['Double', 'Square'] }
        : { prediction: { b: 2 * n }, model: ['Double', 'Double'] };
    });
    expect(outcomes).toMatchObject(expected);
    expect(new Set(expected.map(({ model }) => model[1])).size).toBe(2);
    const again = await runBundle(await engineOf('weighted'), elements);
    expect(again.outcomes).toMatchObject(expected);
  });

  test('have batches that are a function of the bundle alone', async () => {
    const { outcomes, bytes } = await runBundle(await engineOf('fixed-in-branch'), numbers(60));
    const rare = numbers(20).map((n) => 3 * n);
    for (const [place, { prediction }] of outcomes.entries()) {
      const batch = Math.floor(place / 12) * 4;
      expect(prediction).toEqual(place % 3 === 0 ? { rare: rare.slice(batch, batch + 4) } : { usual: place });
    }
    expect((await runBundle(await engineOf('fixed-in-branch'), numbers(60), { receives: 2 })).bytes).toBe(bytes);
  });

  test('end the bundle where a model of one of them cannot be loaded', async () => {
    await using engine = await startEngine('steps', 'unloadable');
    const { bundle } = await writeBundle(numbers(600));
    await expect(engine.process(bundle, { write: () => {} })).rejects.toMatchObject({ name: 'ModelLoadError' });
  });

  test.each([
    ['rare', (batch: readonly number[]) => ({ rare: batch }), (n: number) => ({ usual: n })],
    ['refused', (batch: readonly number[]) => batch, () => null],
  ] as const)('hold no batch open while others without number go by: %s', async (pipeline, rare, usual) => {
    const elements = numbers(22_000).map((n) => n + (n === 13 ? 1 : 0));
    const { outcomes } = await runBundle(await engineOf(pipeline), elements);
    // In a batch of 16 the two would be together at the end of the bundle.
    const expected = elements.map((n) => (n % 20_000 === 0 ? rare([n]) : usual(n)));
    expect(outcomes.map(({ prediction }) => prediction)).toEqual(expected);
  });
});

describe('pieces', () => {
  test('of all elements share batches, in order', async () => {
    const { outcomes } = await runBundle(await engineOf('pieces'), numbers(41));
    const pieces = numbers(41).flatMap((n) => Array.from({ length: n % 4 }, () => n));
    const batches = pieces.map((_, at) => pieces.slice(at - (at % 4), at - (at % 4) + 4));
    expectOnlyFailures(outcomes, [], (n) => batches.splice(0, n % 4));
    expect(outcomes.map(({ model }) => model)).toEqual(numbers(41).map((n) => (n % 4 === 0 ? [] : 'Companions')));
  });

  test('fail their element at the stage of the first that failed, and count all their batches', async () => {
    const { outcomes } = await runBundle(await engineOf('failing-pieces'), [1, 6, 2]);
    const [failure] = expectOnlyFailures(outcomes, [1], (place) => (place === 0 ? [4, 9, 1] : [16, 25, 4]));
    expect(failure).toMatchObject({ stage: 'step[2].inference', error: NO_LUCK, source: { ordinal: 1 } });
    expect(failure?.attempts).toBeGreaterThan(3);
    expect(outcomes[0]?.model).toEqual(['Double', 'Square']);
  });
});

describe('a function that ends its worker', () => {
  test.each([
    ['on several elements at once', 'exit-in-batch', 'step[0].map', (n: number) => n],
    ['on a piece in a branch', 'exit-in-branch', 'step[0].b.step[1].map', (n: number) => ({ a: n, b: [n, n] })],
  ] as const)('%s fails its element alone', async (_, pipeline, stage, prediction) => {
    const elements = [0, 1, 2, 3, 7, 5, 6];
    const { outcomes } = await runBundle(await engineOf(pipeline), elements);
    expectOnlyFailures(outcomes, [4], (place) => prediction(elements[place] ?? 0));
    expect(failuresOf(outcomes)).toMatchObject([{ stage, error: { name: 'WorkerCrashedError' } }]);
  });
});
