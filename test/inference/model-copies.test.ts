import { availableParallelism } from 'node:os';
import { describe, expect, test } from 'vitest';
import { InferenceEngine } from '../../lib/inference/engine/engine.ts';
import { descendantsOf } from '../processes.ts';
import { runBundle } from './run-bundle.ts';
import { startEngine } from './start-engine.ts';

const row = { x: Array.from({ length: 30 }, (_, index) => index / 30) };

describe('the processes that hold a model', () => {
  test.each([
    ['is one, whatever the workers', 'one', 1],
    ['are as many as modelCopies says', 'three', 3],
  ])('%s', async (_, pipeline, copies) => {
    const before = new Set(descendantsOf(process.pid));
    await using engine = await startEngine('copies', pipeline, { workers: 4 });
    await engine.ready();
    await Promise.all([1, 2, 3, 4].map((n) => runBundle(engine, [row, row], { name: `${n}` })));
    expect(descendantsOf(process.pid).filter((pid) => !before.has(pid))).toHaveLength(copies);
  });

  test('all have batches to run', async () => {
    await using engine = await startEngine('copies', 'two');
    await engine.ready();
    const pids = new Set<number>();
    // The second one may still be loading when the first could take a batch.
    const run = async (): Promise<number> => {
      const { outcomes } = await runBundle(
        engine,
        Array.from({ length: 40 }, (_, n) => n),
      );
      for (const { prediction } of outcomes) pids.add((prediction as { readonly pid: number }).pid);
      return pids.size;
    };
    await expect.poll(run, { timeout: 20_000 }).toBe(2);
  });

  test('share the cores, and a large model has all of them', async () => {
    const cores = availableParallelism();
    for (const [pipeline, threads] of [
      ['large', cores],
      ['two', Math.max(1, Math.floor(cores / 2))],
    ] as const) {
      await using engine = await startEngine('copies', pipeline);
      const { outcomes } = await runBundle(engine, [1]);
      expect(outcomes[0]?.prediction).toMatchObject({ threads });
    }
  });
});

test("an engine counts on 'cores', where it is not the machine that says how many there are", async () => {
  const configUrl = new URL('./fixtures/copies.config.ts', import.meta.url);
  await using engine = await InferenceEngine.start({ configUrl, pipeline: 'large', cores: 3 });
  expect(engine.workers).toBe(3);
  const { outcomes } = await runBundle(engine, [1]);
  expect(outcomes[0]?.prediction).toMatchObject({ threads: 3 });
  await expect(InferenceEngine.start({ configUrl, pipeline: 'large', cores: 0.5 })).rejects.toThrow("'cores'");
});

describe('padding', () => {
  test('counts for maxBatchBytes, and its share is a metric', async () => {
    await using engine = await startEngine('copies', 'padded');
    const sequences = [8, 1, 1, 1, 1, 1, 1, 8].map((length) => ({ tokens: Array.from({ length }, (_, n) => n + 1) }));
    const { outcomes } = await runBundle(engine, sequences);
    expect(outcomes.map(({ prediction }) => prediction)).toEqual(
      [8, 1, 1, 1, 1, 1, 1, 8].map((length) => ({ mean: (length + 1) / 2 })),
    );
    // All eight are 22 tokens, 176 bytes, but 512 when padded to the longest: two batches of four.
    expect(engine.metrics.distribution('inference_request_batch_size')).toMatchObject({ count: 2, max: 4 });
    expect(engine.metrics.distribution('inference_batch_padding_share')?.min).toBeCloseTo(1 - 11 / 32);
  });
});
