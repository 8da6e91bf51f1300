import { describe, expect, test } from 'vitest';
import { canonicalJson } from '../../lib/inference/worker/args-key.ts';
import type { Reported } from './fixtures/inference-args.config.ts';
import { failuresOf, type Outcome, runBundle } from './run-bundle.ts';
import { sharedEngines, startEngine } from './start-engine.ts';

const engineOf = sharedEngines('inference-args');
const STATIC = { temperature: 1, nested: { list: [1] } };

async function predictionsOf(pipeline: string, elements: readonly unknown[]): Promise<readonly unknown[]> {
  const { outcomes } = await runBundle(await engineOf(pipeline), elements);
  return outcomes.map(({ prediction }) => prediction);
}

function shown({ stage, error }: Outcome): unknown {
  return [stage, error?.name, error?.message];
}

describe('arguments of a custom handler', () => {
  test("are a copy of each batch's own: what a handler does to them ends with it", async () => {
    const elements = Array.from({ length: 24 }, (_, n) => ({ n }));
    const reported = (await predictionsOf('reporter', elements)) as readonly Reported[];
    expect(reported.map(({ args }) => args)).toEqual(elements.map(() => STATIC));
  });

  test("are the step's with the element's own over them; only elements with the same share a batch", async () => {
    const own = [
      undefined,
      { temperature: 2 },
      { temperature: 2, top: { p: 1, k: 2 } },
      { top: { k: 2, p: 1 }, temperature: 2 },
    ];
    const elements = Array.from({ length: 16 }, (_, n) => ({ n, args: own[n % 4] }));
    const reported = (await predictionsOf('reporter', elements)) as readonly Reported[];
    expect(reported.map(({ args }) => args)).toEqual(elements.map(({ args }) => Object.assign({}, STATIC, args)));
    expect(reported[0]?.together).toEqual([0, 4, 8, 12]);
    expect(reported[1]?.together).toEqual([1, 5, 9, 13]);
    expect(reported[2]?.together).toEqual([2, 3, 6, 7, 10, 11, 14, 15]);
  });

  test('are none where neither the step nor the element has any, and may be what JSON has no word for', async () => {
    const [without] = (await predictionsOf('reporter-without', [{ n: 0 }])) as readonly Reported[];
    expect(without?.args).toBeNull();
    const [odd] = (await predictionsOf('reporter-odd', [{ n: 0 }])) as readonly Reported[];
    expect(odd?.args).toEqual({ not: 'NaN', big: String(2n ** 60n), at: '1970-01-01T00:00:00.000Z' });
  });
});

describe('an argument that is an input of an ONNX model', () => {
  test('feeds the elements that do not have it themselves', async () => {
    const elements = [
      { x: [1, 2] },
      { x: [1, 2], factor: 3 },
      { x: [1, 2], args: { factor: 4 } },
      { x: [1, 2], factor: null },
    ];
    const results = [10, 3, 4, 10].map((factor) => ({ y: [factor, 2 * factor] }));
    expect(await predictionsOf('scalar-static', elements)).toEqual(results);
  });

  test('reaches a subclass that runs inference itself, which may have others as well', async () => {
    const elements = [{ x: [1, 2] }, { x: [1, 2], args: { factor: 4, mine: true } }];
    expect(await predictionsOf('scalar-negated', elements)).toEqual([
      [-10, -20],
      [-4, -8],
    ]);
  });

  test('leaves a bare element to the one input that is open', async () => {
    expect(await predictionsOf('scalar-static', [[1, 2]])).toEqual([{ y: [10, 20] }]);
  });

  test('feeds inputs that are padded', async () => {
    const elements = [{ args: { tokens: [1, 2, 3] } }, { tokens: [4, 6] }, { args: { tokens: [7] } }];
    expect(await predictionsOf('padded', elements)).toEqual([{ mean: 2 }, { mean: 5 }, { mean: 7 }]);
  });

  test("feeds a keyed step's cohorts as well, each model by its own rules", async () => {
    const elements = [
      { key: 'scalar', x: [1, 2] },
      { key: 'report', n: 0 },
      { key: 'scalar', x: [1, 2], args: { factor: 4 } },
      { key: 'report', n: 1, args: { other: true } },
    ];
    expect(await predictionsOf('keyed', elements)).toEqual([
      { y: [10, 20] },
      { args: { factor: 10 }, together: [0] },
      { y: [4, 8] },
      { args: { factor: 10, other: true }, together: [1] },
    ]);
  });
});

describe('an argument that is no input of an ONNX model', () => {
  test("fails its element alone where it is the element's own", async () => {
    const elements = [
      { x: [1, 2], factor: 2 },
      { x: [1, 2], factor: 2, args: { factr: 3 } },
    ];
    const { outcomes } = await runBundle(await engineOf('scalar'), elements);
    expect(outcomes[0]?.prediction).toEqual({ y: [2, 4] });
    expect(failuresOf(outcomes).map(shown)).toEqual([
      ['inference', 'InputMismatchError', "'inferenceArgs' must name inputs of the model, 'x', 'factor': got 'factr'"],
    ]);
  });

  test("ends the run where it is the step's", async () => {
    await using engine = await startEngine('inference-args', 'unknown');
    await expect(runBundle(engine, [{ x: [1, 2], factor: 2 }])).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
      message: expect.stringContaining("'inferenceArgs' must name inputs of the model, 'x', 'factor': got 'factr'"),
    });
  });
});

test('canonicalJson has the names of objects in order, at any depth, and lists as they are', () => {
  expect(canonicalJson({ b: [2, { d: 1, c: null }], a: 'x' })).toBe('{"a":"x","b":[2,{"c":null,"d":1}]}');
});
