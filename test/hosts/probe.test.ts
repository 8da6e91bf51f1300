import { describe, expect, test } from 'vitest';
import { differenceOf, encodeProbe, runProbe } from '../../lib/hosts/probe.ts';
import type { Probe } from '../../lib/models/model-handler-options.ts';
import { ModelHandler } from '../../lib/models/model-handler.ts';

describe('differenceOf', () => {
  test.each([
    [1, 1.0009],
    [NaN, NaN],
    [Infinity, Infinity],
    ['cat', 'cat'],
    [true, true],
    [null, null],
    [
      [1, [2, 3]],
      [1, [2, 3.0001]],
    ],
    [Float32Array.of(0.1, 0.2), [0.1, 0.2]],
    [{ label: 'cat', scores: [0.5] }, { scores: [0.5] }],
  ])('finds none between %j and %j', (got, wanted) => {
    expect(differenceOf(got, wanted, { tolerance: 1e-3, path: 'output' })).toBeUndefined();
  });

  test.each([
    [1, 1.002, 'output is 1, and should be 1.002 within 0.001'],
    [NaN, 1, 'output is NaN, and should be 1 within 0.001'],
    [1, NaN, 'output is 1, and should be NaN within 0.001'],
    [-Infinity, Infinity, 'output is -Infinity, and should be Infinity within 0.001'],
    ['1', 1, 'output is "1", and should be 1 within 0.001'],
    ['cat', 'dog', 'output is "cat", and should be "dog"'],
    [undefined, null, 'output is undefined, and should be null'],
    [{ a: { b: [1, 2] } }, { a: { b: [1, 3] } }, 'output.a.b[1] is 2, and should be 3 within 0.001'],
    [{}, { a: 1 }, 'output.a is undefined, and should be 1 within 0.001'],
    [[1, 2], [1], 'output is a list of 2, and should be a list of 1'],
    [[1], { 0: 1 }, 'output is a list of 1, and should be an object'],
    [{ 0: 1 }, [1], 'output is an object, and should be a list of 1'],
  ])('says where %j is not %j', (got, wanted, difference) => {
    expect(differenceOf(got, wanted, { tolerance: 1e-3, path: 'output' })).toBe(difference);
  });

  test('takes large integers for numbers', () => {
    expect(differenceOf(7n, 7, { tolerance: 1e-3, path: 'output' })).toBeUndefined();
    expect(differenceOf(7, 8n, { tolerance: 1e-3, path: 'output' })).toBe('output is 7, and should be 8 within 0.001');
  });

  test('goes by the tolerance', () => {
    expect(differenceOf(1, 1.4, { tolerance: 0.5, path: 'output' })).toBeUndefined();
    expect(differenceOf(1, 1 + 1e-9, { tolerance: 0, path: 'output' })).toContain('within 0');
  });
});

/** Answers each element by adding what the model is, or as many elements as it is told to. */
class Adder extends ModelHandler<number, number, number> {
  loadModel(): number {
    return 1;
  }
  runInference(batch: readonly number[], model: number, args: { readonly times?: number } = {}): number[] {
    if (batch.some((element) => element < 0)) throw new RangeError('negative');
    return Array.from({ length: args.times ?? 1 }, () => (batch[0] ?? 0) + model);
  }
}

function probing(probe: Probe, args?: { readonly times: number }): Promise<void> {
  return runProbe(new Adder() as ModelHandler, 1, encodeProbe(probe, args));
}

describe('runProbe', () => {
  test('lets a model serve that answers as it should, or just answers', async () => {
    await probing({ input: 1, output: 2 });
    await probing({ input: NaN, output: NaN });
    await probing({ input: 1 });
    await probing({ input: 1, output: 3, tolerance: 1 });
  });

  test.each([
    ['answers otherwise', { input: 1, output: 3 }, undefined, 'wrongly: output is 2, and should be 3'],
    ['does not take it', { input: -1 }, undefined, 'does not take the probe: RangeError: negative'],
    ['answers twice', { input: 1 }, { times: 2 }, 'exactly one result'],
  ])('refuses a model that %s', async (_, probe, args, reason) => {
    const error = { name: 'ModelLoadError', disposition: 'fatal', message: expect.stringContaining(reason) };
    await expect(probing(probe, args)).rejects.toMatchObject(error);
  });
});
