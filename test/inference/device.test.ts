import { describe, expect, test } from 'vitest';
import type { InferenceEngine } from '../../lib/inference/engine/engine.ts';
import type { LoadedCopy } from '../../lib/inference/engine/load-notices.ts';
import { hasCuda } from '../models/has-cuda.ts';
import { descendantsOf } from '../processes.ts';
import { runBundle } from './run-bundle.ts';
import { startEngine } from './start-engine.ts';

const rows = Array.from({ length: 10 }, (_, row) => ({ x: Array.from({ length: 30 }, (_, n) => (n + row) / 30) }));

/** The GPUs of the processes that have answered so far. */
async function gpusOf(engine: InferenceEngine, seen: Map<number, string>): Promise<string[]> {
  const { outcomes } = await runBundle(
    engine,
    Array.from({ length: 40 }, () => 'answer'),
  );
  for (const { prediction } of outcomes) {
    const { pid, gpu } = prediction as { readonly pid: number; readonly gpu: string };
    seen.set(pid, gpu);
  }
  return [...seen.values()].toSorted();
}

describe.skipIf(hasCuda())("a model with device 'GPU', where there is none", () => {
  test('ends the run by default, and says what to install', async () => {
    await using engine = await startEngine('device', 'strict');
    await expect(engine.ready()).rejects.toMatchObject({
      name: 'ModelLoadError',
      message: expect.stringMatching(/on device 'GPU': cuda can't be used, as .*With 'onMissingDevice' at 'cpu'/),
    });
  });

  test("computes on the CPU where it may, to the bytes that device 'CPU' gives, and is warned of once", async () => {
    const warnings: string[] = [];
    const loaded: LoadedCopy[] = [];
    const options = {
      gpus: 2,
      onWarning: (m: string) => warnings.push(m),
      onModelLoaded: (c: LoadedCopy) => loaded.push(c),
    };
    await using onCpu = await startEngine('device', 'cpu');
    await using engine = await startEngine('device', 'fallback', options);
    const expected = await runBundle(onCpu, rows);
    const { outcomes, bytes, summary, chunks } = await runBundle(engine, rows);
    expect(bytes).toBe(expected.bytes);
    const model = String(outcomes[0]?.model);
    expect(summary.models).toEqual(expected.summary.models);
    expect(summary.providers).toEqual({ [model]: ['cpu'] });
    expect(chunks[0]?.providers).toEqual({ [model]: ['cpu'] });
    expect(expected.summary.providers).toBeUndefined();

    // A copy for each GPU that it was told of, each of which says the same.
    await expect.poll(() => loaded.length).toBe(2);
    expect(loaded[1]).toMatchObject({ place: 'fallback/steps[0].handler', model, providers: ['cpu'] });
    expect(warnings).toEqual([
      expect.stringMatching(
        /^the model of fallback\/steps\[0\]\.handler runs on the CPU, though it asks for device 'GPU': cuda can't be used, as /,
      ),
    ]);
    expect(engine.metrics.counter('num_inferences_on_cpu')).toBe(rows.length);
    expect(engine.metrics.counter('model_cpu_fallbacks')).toBe(2);
    expect(onCpu.metrics.counter('num_inferences_on_cpu')).toBe(0);
  });
});

describe('the copies of a model', () => {
  test('take the GPUs in turn, and one that takes the place of another takes its GPU', async () => {
    await using engine = await startEngine('device', 'numbers', { gpus: 2 });
    const before = new Map<number, string>();
    await expect.poll(() => gpusOf(engine, before), { timeout: 20_000 }).toEqual(['0', '0', '1']);
    const { outcomes } = await runBundle(engine, ['die']);
    expect(outcomes[0]?.error?.name).toBe('OutOfMemoryError');
    // The element is tried twice, and may have ended two of them.
    const left = (): [number, string][] => {
      const alive = new Set(descendantsOf(process.pid));
      return [...before].filter(([pid]) => alive.has(pid));
    };
    await expect.poll(() => left().length, { timeout: 20_000 }).toBeLessThan(before.size);
    const after = new Map(left());
    await expect.poll(() => gpusOf(engine, after), { timeout: 20_000 }).toEqual(['0', '0', '1']);
  });

  test('are told of no GPU where there is none', async () => {
    await using engine = await startEngine('device', 'numbers', { gpus: 0 });
    const { outcomes } = await runBundle(engine, ['answer']);
    expect(outcomes[0]?.prediction).toMatchObject({ gpu: 'none' });
    await expect(startEngine('device', 'numbers', { gpus: 0.5 })).rejects.toThrow("'gpus'");
  });

  test('of several models start where those of the one before end', async () => {
    await using engine = await startEngine('device', 'two-models', { gpus: 4 });
    const { outcomes } = await runBundle(engine, ['answer']);
    expect(outcomes[0]?.prediction).toEqual(['0', '1']);
  });
});
