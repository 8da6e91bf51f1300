import { expect, describe, test } from 'vitest';
import { infer } from '../models/model-files.ts';
import type { Keyed } from './fixtures/keyed.config.ts';
import { failuresOf, type Outcome, runBundle } from './run-bundle.ts';
import { sharedEngines, startEngine } from './start-engine.ts';

const engineOf = sharedEngines('keyed');

const ELEMENTS = 300;
const MODELS = { double: 'double.onnx', same: 'identity.onnx', 'also-same': 'identity.onnx', mlp: 'mlp.onnx' } as const;
const KEYS = Object.keys(MODELS) as OnnxKey[];
type OnnxKey = keyof typeof MODELS;

interface OnnxElement {
  readonly key: OnnxKey;
  readonly x: readonly number[];
}

/** Elements of all keys, in no simple order. */
const mixed: readonly OnnxElement[] = Array.from({ length: ELEMENTS }, (_, n) => {
  const key = KEYS[(3 * n + Math.floor(n / 8)) % KEYS.length] ?? 'mlp';
  return { key, x: Array.from({ length: key === 'mlp' ? 30 : 3 }, (_, i) => (n + i) / 8) };
});

/** What each key's own model gives by itself; numbers in so many digits as do not depend on the batch. */
async function alone(elements: readonly OnnxElement[]): Promise<readonly unknown[]> {
  const predictions = new Map<OnnxElement, unknown>();
  for (const key of KEYS) {
    const own = elements.filter((element) => element.key === key);
    const results = own.length === 0 ? [] : await infer(MODELS[key], own);
    own.forEach((element, index) => predictions.set(element, results[index]));
  }
  return elements.map((element) => rounded(predictions.get(element)));
}

function rounded(value: unknown): unknown {
  const text = JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'number' ? inner.toFixed(5) : inner));
  return JSON.parse(text) as unknown;
}

function predictions(outcomes: readonly Outcome[]): readonly unknown[] {
  return outcomes.map(({ prediction }) => prediction);
}

/** Numbers from 0 whose keys go round; with trouble at one place. */
function numbers(count: number, keys: readonly string[], place = -1, trouble?: Keyed['trouble']): Keyed[] {
  return Array.from({ length: count }, (_, n) => {
    const key = keys[n % keys.length] ?? '';
    return n === place && trouble !== undefined ? { key, n, trouble } : { key, n };
  });
}

const STEPS: Readonly<Record<string, number>> = { tens: 10, hundreds: 100, 'also-hundreds': 100 };

/** Expects the sum of every element but those at these places, which failed. */
function expectSums(elements: readonly Keyed[], outcomes: readonly Outcome[], failed: readonly number[]): void {
  expect(outcomes.flatMap(({ stage }, place) => (stage === undefined ? [] : [place]))).toEqual(failed);
  outcomes.forEach(({ prediction, stage }, place) => {
    const { key = '', n } = elements[place] ?? { n: NaN };
    if (stage === undefined) expect(prediction).toMatchObject({ sum: n + (STEPS[key] ?? 0) });
  });
}

describe('elements of a keyed step', () => {
  test("get what their key's model gives by itself, in input order, and the summary names the models that did", async () => {
    const { outcomes, summary } = await runBundle(await engineOf('onnx'), mixed);
    expect(predictions(outcomes).map(rounded)).toEqual(await alone(mixed));
    const labels = new Map(KEYS.map((key) => [key, outcomes.find((_, n) => mixed[n]?.key === key)?.model]));
    expect(outcomes.map(({ model }) => model)).toEqual(mixed.map(({ key }) => labels.get(key)));
    expect(labels.get('also-same')).toBe(labels.get('same'));
    expect(Object.keys(summary.models).toSorted()).toEqual([...new Set(labels.values())].map(String).toSorted());
  });

  test('have no model in the summary where it made none of their predictions', async () => {
    const engine = await engineOf('onnx');
    const { summary } = await runBundle(
      engine,
      mixed.filter(({ key }) => key === 'double'),
    );
    expect(Object.keys(summary.models)).toHaveLength(1);
    expect((await runBundle(engine, [])).summary.models).toEqual({});
    const { summary: failed } = await runBundle(engine, [{ key: 'double', x: [1] }]);
    expect(failed).toMatchObject({ failed: 1, models: {} });
  });

  test('fail alone where no model is for their key, or they have none, unless there is a default', async () => {
    const long = 'x'.repeat(1000);
    const elements = [
      { key: 'tens', n: 1 },
      { key: 'unknown', n: 2 },
      { n: 3 },
      { key: long, n: 4 },
      { key: 'hundreds', n: 5 },
    ];
    const { outcomes } = await runBundle(await engineOf('adders'), elements);
    expectSums(elements, outcomes, [1, 2, 3]);
    const errors = failuresOf(outcomes).map(({ stage, error }) => [stage, error?.name, error?.message]);
    expect(errors).toEqual([
      ['inference', 'UnknownKeyError', expect.stringMatching(/'unknown' is not one of the 3 .*'defaultKey'/)],
      ['inference', 'UnknownKeyError', expect.stringMatching(/no key.*'input.key'.*'defaultKey'/)],
      ['inference', 'UnknownKeyError', expect.stringContaining(`'${'x'.repeat(64)}…'`)],
    ]);

    const byDefault = await runBundle(await engineOf('sizes'), elements);
    expect(predictions(byDefault.outcomes)).toMatchObject([65, 66, 67, 68, 69].map((sum) => ({ sum })));
  });

  test('may be none, or all of them failed before', async () => {
    const engine = await engineOf('adders');
    expect((await runBundle(engine, [])).outcomes).toEqual([]);
    const { outcomes } = await runBundle(engine, [{ n: 1 }, { n: 2 }]);
    expect(failuresOf(outcomes)).toHaveLength(2);
  });

  test('are batched by the options of their own handler', async () => {
    const elements = [...numbers(70, ['fours', 'many']), ...numbers(120, ['learned'])];
    const { outcomes } = await runBundle(await engineOf('sizes'), elements);
    const sizes = outcomes.map(({ prediction }) => (prediction as { readonly size: number }).size);
    const of = (key: string): number[] => sizes.filter((_, n) => elements[n]?.key === key);
    expect(of('fours')).toEqual([...Array.from({ length: 32 }, () => 4), 3, 3, 3]);
    expect(new Set(of('many'))).toEqual(new Set([35]));
    expect(Math.max(...of('learned'))).toBeGreaterThan(1);
    expect(Math.max(...of('learned'))).toBeLessThanOrEqual(64);
  });

  test('have the same batches of a fixed size however many workers and models there are', async () => {
    const elements = numbers(500, ['tens', 'hundreds', 'hundreds']);
    const sizes = elements.map(({ key }, n) => {
      const own = elements.slice(0, n).filter((other) => other.key === key).length;
      const all = elements.filter((other) => other.key === key).length;
      return Math.min(4, all - (own - (own % 4)));
    });
    const { outcomes } = await runBundle(await engineOf('adders'), elements);
    expect(outcomes.map(({ prediction }) => (prediction as { readonly size: number }).size)).toEqual(sizes);
  });

  test('are the same in a bundle that runs in a process of its own', async () => {
    const elements = [{ key: 'wrapped' }, { key: 'bare' }, { key: 'bare', fails: 'outer after' }, { key: 'wrapped' }];
    const { outcomes } = await runBundle(await engineOf('functions'), elements, { receives: 2 });
    const notes = outcomes.map(({ stage, prediction }) =>
      stage === undefined ? (prediction as { readonly notes: readonly string[] }).notes.length : stage,
    );
    expect(notes).toEqual([7, 4, 'postprocess[1]', 7]);
  });

  test('go through it in a branch, and on to the next step, as those of any other', async () => {
    const elements = mixed.filter(({ key }) => key !== 'mlp').slice(0, 40);
    const { outcomes, summary } = await runBundle(await engineOf('in-branch'), elements);
    const expected = elements.map(({ key, x }) => ({ y: x.map((one) => one * (key === 'double' ? 4 : 2)) }));
    expect(predictions(outcomes).map(rounded)).toEqual(expected.map(rounded));
    // One model is that of both steps.
    expect(Object.keys(summary.models)).toHaveLength(2);
    for (const [n, { model }] of outcomes.entries()) {
      expect(new Set(model).size).toBe(elements[n]?.key === 'double' ? 1 : 2);
    }
  });
});

describe('functions of a keyed step', () => {
  test("run outermost around the keyed handler, and inside for a cohort's own", async () => {
    const { outcomes } = await runBundle(await engineOf('functions'), [{ key: 'wrapped' }, { key: 'bare' }]);
    const before = ['outer first', 'outer second'];
    expect(predictions(outcomes)).toEqual([
      { notes: [...before, 'inner before', 'model', 'inner after', 'inner last', 'outer after'] },
      { notes: [...before, 'model', 'outer after'] },
    ]);
  });

  test('fail their element alone, at the place where it was in the order of its own cohort', async () => {
    const failing = [
      ['wrapped', 'outer first', 'preprocess[0]'],
      ['wrapped', 'outer second', 'preprocess[1]'],
      ['wrapped', 'inner before', 'preprocess[2]'],
      ['wrapped', 'inner after', 'postprocess[0]'],
      ['wrapped', 'inner last', 'postprocess[1]'],
      ['wrapped', 'outer after', 'postprocess[3]'],
      ['bare', 'outer after', 'postprocess[1]'],
    ] as const;
    const elements = failing.flatMap(([key, fails]) => [{ key, fails }, { key }]);
    const { outcomes } = await runBundle(await engineOf('functions'), elements);
    const failures = failuresOf(outcomes).map(({ stage, error }) => [stage, error?.message]);
    expect(failures).toEqual(failing.map(([, fails, stage]) => [stage, `${fails} failed`]));
  });
});

describe("what goes wrong with one key's element or model", () => {
  test.each([
    ['throws', 'throw', 'UnluckyNumberError'],
    ['ends the process', 'exit', 'ModelHostCrashedError'],
    ['takes too long', 'spin', 'TimeoutError'],
  ] as const)('leaves all others untouched where an element %s', async (_, trouble, name) => {
    const elements = numbers(40, ['tens', 'hundreds', 'also-hundreds'], 18, trouble);
    const { outcomes } = await runBundle(await engineOf('adders'), elements);
    expectSums(elements, outcomes, [18]);
    expect(outcomes[18]).toMatchObject({ stage: 'inference', error: { name } });
  });

  test('fails the elements of a cohort whose model can not be loaded, at stage load, and no others', async () => {
    const elements = Array.from({ length: 40 }, (_, n) => ({ key: n % 3 === 0 ? 'broken' : 'double', x: [n, n, n] }));
    await using engine = await startEngine('keyed', 'broken');
    await engine.ready();
    const { outcomes, summary } = await runBundle(engine, elements);
    expect(summary.failedByStage).toEqual({ load: 14 });
    outcomes.forEach((outcome, n) => {
      if (n % 3 !== 0) expect(outcome.prediction).toEqual({ y: [2 * n, 2 * n, 2 * n] });
      else expect(outcome.error).toEqual({ name: 'ModelLoadError', message: expect.stringContaining('corrupt.onnx') });
    });
  });

  test('ends the run where it is the only model', async () => {
    await using engine = await startEngine('keyed', 'only-broken');
    await expect(runBundle(engine, [{ key: 'broken', x: [1] }])).rejects.toMatchObject({
      name: 'ModelLoadError',
      disposition: 'fatal',
    });
  });

  test("is that element's alone where it stands still in a cohort's function, and the model goes back", async () => {
    const elements = numbers(20, ['tens', 'hundreds'], 6, 'stand-still');
    await using engine = await startEngine('keyed', 'standing-still');
    const { outcomes } = await runBundle(engine, elements);
    expectSums(elements, outcomes, [6]);
    expect(outcomes[6]).toMatchObject({ stage: 'preprocess[0]', error: { name: 'TimeoutError' } });
    const after = numbers(20, ['tens', 'hundreds'], 6, 'function');
    expectSums(after, (await runBundle(engine, after)).outcomes, [6]);
  });
});
