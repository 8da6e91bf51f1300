import { describe, expect, test } from 'vitest';
import type { InferenceEngine } from '../../lib/inference/engine/engine.ts';
import { expectOnlyFailures, processBundle, runBundle } from './run-bundle.ts';
import type { Weighed } from './fixtures/models.config.ts';
import { sharedEngines, startEngine } from './start-engine.ts';

const engineOf = sharedEngines('models');

/** How many batches ran, and how large they were, while `work` did. */
async function batchesOf(engine: InferenceEngine, work: () => Promise<unknown>) {
  const sizes = () => engine.metrics.distribution('inference_request_batch_size') ?? { count: 0, sum: 0 };
  const before = sizes();
  const failedBefore = engine.metrics.counter('failed_batches_counter');
  await work();
  const after = sizes();
  const failed = engine.metrics.counter('failed_batches_counter') - failedBefore;
  return { count: after.count - before.count, elements: after.sum - before.sum, failed };
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n);
}

/** Numbers, one of them poison. */
function numbers(from: number, count: number, poison = NaN): Weighed[] {
  return range(count).map((at) => ({ n: from + at, weight: 1, poison: from + at === poison }));
}

/** Sequences that are as long as each other. */
function sequences(length: number): { readonly tokens: readonly number[] }[] {
  return range(8).map((n) => ({ tokens: range(length).map(() => n) }));
}

function sines(seed: number): { readonly x: readonly number[] }[] {
  return range(10).map((n) => ({ x: range(30).map((at) => Math.sin(seed + n * 30 + at)) }));
}

describe('elements of different shapes', () => {
  test('never fail each other: batches are formed by shape', async () => {
    const engine = await engineOf('identity');
    const elements = range(300).map((n) => ({ x: Array.from({ length: 1 + (n % 5) }, (_, at) => n + at) }));
    const batches = await batchesOf(engine, async () => {
      const { outcomes } = await runBundle(engine, elements);
      expectOnlyFailures(outcomes, [], (place) => ({ y: elements[place]?.x }));
    });
    // Sixty of each shape, in batches of 64.
    expect(batches).toEqual({ count: 5, elements: 300, failed: 0 });
  });

  test('that do not fit the model fail alone, and are never sent to it', async () => {
    const engine = await engineOf('double');
    const elements: unknown[] = range(40).map((n) => ({ x: [n, n, n] }));
    elements[3] = { x: [1, 2] };
    elements[17] = { y: [1, 2, 3] };
    elements[18] = { x: 'text' };
    elements[39] = null;
    const batches = await batchesOf(engine, async () => {
      const { outcomes } = await runBundle(engine, elements);
      const failures = expectOnlyFailures(outcomes, [3, 17, 18, 39], (n) => ({ y: [2 * n, 2 * n, 2 * n] }));
      for (const failure of failures) {
        expect(failure).toMatchObject({ stage: 'inference', attempts: 1, error: { name: 'InputMismatchError' } });
      }
    });
    expect(batches.failed).toBe(0);
    expect(batches.elements).toBe(36);
  });

  test('are padded and masked to share a batch where the handler says so', async () => {
    const engine = await engineOf('padded');
    const elements = range(32).map((n) => ({ tokens: range(1 + (n % 7)).map((at) => n + at) }));
    const batches = await batchesOf(engine, async () => {
      const { outcomes } = await runBundle(engine, elements);
      expectOnlyFailures(outcomes, [], (n) => ({ mean: n + (n % 7) / 2 }));
    });
    expect(batches).toEqual({ count: 2, elements: 32, failed: 0 });
  });

  test('are padded with those of their length bucket only', async () => {
    const engine = await engineOf('buckets');
    const elements = range(48).map((n) => ({ tokens: range(1 + (n % 12)).map((at) => n + at) }));
    const batches = await batchesOf(engine, async () => {
      const { outcomes } = await runBundle(engine, elements);
      expectOnlyFailures(outcomes, [], (n) => ({ mean: n + (n % 12) / 2 }));
    });
    // Of each twelve lengths 3 are below 4, 4 below 8 and 5 above: 12, 16 and 20 elements in batches of 16.
    expect(batches).toEqual({ count: 1 + 1 + 2, elements: 48, failed: 0 });
  });

  test('fill a batch up to the size at which the model fixes it', async () => {
    const engine = await engineOf('fixed-batch');
    const batches = await batchesOf(engine, async () => {
      const { outcomes } = await runBundle(
        engine,
        range(10).map((n) => ({ x: [n, n, n] })),
      );
      expectOnlyFailures(outcomes, [], (n) => ({ y: [n + 1, n + 1, n + 1] }));
    });
    expect(batches).toEqual({ count: 3, elements: 10, failed: 0 });
  });
});

describe('a limit on batches', () => {
  const weights = [5, 5, 5, 5, 1, 19, 2, 30, 3, 20, 7, 14];
  const elements: Weighed[] = weights.map((weight, n) => ({ n, weight }));

  test("holds for their weight; what is above it goes alone, by 'alone'", async () => {
    const { outcomes } = await runBundle(await engineOf('weight'), elements);
    const companions = [[0, 1, 2, 3], [4, 5], [6], [7], [8], [9], [10], [11]];
    expectOnlyFailures(outcomes, [], (n) => companions.find((batch) => batch.includes(n)));
  });

  test("refuses what is above it, by 'fail'", async () => {
    const { outcomes } = await runBundle(await engineOf('weight-or-fail'), elements);
    const companions = [[0, 1, 2, 3], [4, 5], [6, 8], [9], [10], [11]];
    const [failure] = expectOnlyFailures(outcomes, [7], (n) => companions.find((batch) => batch.includes(n)));
    expect(failure).toMatchObject({ stage: 'inference', error: { name: 'OversizeElementError' } });
    expect(failure?.error?.message).toContain('30');
  });

  test('holds for their bytes; what is above it goes alone', async () => {
    const sizes = [4000, 4000, 4000, 50_000, 100, 9000];
    const { outcomes } = await runBundle(
      await engineOf('bytes'),
      sizes.map((size, n) => ({ n, weight: 1, bytes: 'x'.repeat(size) })),
    );
    const companions = [[0, 1], [2], [3], [4, 5]];
    expectOnlyFailures(outcomes, [], (n) => companions.find((batch) => batch.includes(n)));
  });
});

describe("with 'maxBatchDurationSecs', concurrent bundles", () => {
  test('share a batch', async () => {
    const engine = await engineOf('shared');
    const batches = await batchesOf(engine, async () => {
      const [one, other] = await Promise.all([
        runBundle(engine, numbers(0, 20), { name: 'one' }),
        runBundle(engine, numbers(100, 30), { name: 'other' }),
      ]);
      const companions = new Set((one.outcomes[0]?.prediction ?? []) as number[]);
      expect(companions).toEqual(new Set([...numbers(0, 20), ...numbers(100, 30)].map(({ n }) => n)));
      expectOnlyFailures(one.outcomes, [], () => one.outcomes[0]?.prediction);
      expectOnlyFailures(other.outcomes, [], () => one.outcomes[0]?.prediction);
    });
    expect(batches).toEqual({ count: 1, elements: 50, failed: 0 });
  });

  test('of one element each share batches, twenty of them on one worker', async () => {
    const engine = await engineOf('shared');
    await engine.ready();
    const batches = await batchesOf(engine, async () => {
      await Promise.all(
        range(20).map(async (n) => {
          const elements = [{ id: `e${n}`, input: { n, weight: 1 } }];
          const bundle = { name: 'messages', source: { kind: 'elements', elements }, address: {} } as const;
          const { outcomes } = await processBundle(engine, bundle, [`e${n}`]);
          expect(outcomes[0]?.prediction).toContain(n);
        }),
      );
    });
    expect(batches).toMatchObject({ elements: 20, failed: 0 });
    expect(batches.count).toBeLessThanOrEqual(3);
  });

  test('share a batch with a poison element that fails alone, and leaves the other bundle untouched', async () => {
    const engine = await engineOf('shared');
    const batches = await batchesOf(engine, async () => {
      const [one, other] = await Promise.all([
        runBundle(engine, numbers(0, 16, 5), { name: 'one' }),
        runBundle(engine, numbers(100, 30), { name: 'other' }),
      ]);
      expect(one.summary).toMatchObject({ total: 16, succeeded: 15, failed: 1 });
      expect(one.outcomes[5]).toMatchObject({ stage: 'inference', error: { name: 'RangeError', message: 'poison' } });
      // Run again by itself, and as a whole.
      expectOnlyFailures(other.outcomes, [], () => numbers(100, 30).map(({ n }) => n));
    });
    // Once together; then the poisoned one whole, and by halves.
    expect(batches.failed).toBe(1 + 1 + 4);
  });

  test('that are padded to different lengths do not fail each other', async () => {
    const engine = await engineOf('shared-padded');
    const batches = await batchesOf(engine, async () => {
      const results = await Promise.all([runBundle(engine, sequences(3)), runBundle(engine, sequences(5))]);
      for (const { outcomes } of results) expectOnlyFailures(outcomes, [], (n) => ({ mean: n }));
    });
    expect(batches).toMatchObject({ elements: 16, failed: 0 });
  });

  test('share a batch of the size at which the model fixes it', async () => {
    const engine = await engineOf('shared-fixed-batch');
    const rows = range(2).map((n) => ({ x: [n, n, n] }));
    const batches = await batchesOf(engine, async () => {
      const results = await Promise.all([runBundle(engine, rows), runBundle(engine, rows)]);
      for (const { outcomes } of results) expectOnlyFailures(outcomes, [], (n) => ({ y: [n + 1, n + 1, n + 1] }));
    });
    expect(batches).toEqual({ count: 1, elements: 4, failed: 0 });
  });

  test('share a batch of tensors', async () => {
    await using engine = await startEngine('models', 'shared-mlp', { workers: 2 });
    await engine.ready();
    const batches = await batchesOf(engine, async () => {
      const together = await Promise.all([runBundle(engine, sines(1)), runBundle(engine, sines(2))]);
      const alone = [await runBundle(engine, sines(1)), await runBundle(engine, sines(2))];
      expect(together.map(({ bytes }) => bytes)).toEqual(alone.map(({ bytes }) => bytes));
    });
    expect(batches).toEqual({ count: 3, elements: 40, failed: 0 });
  });
});
