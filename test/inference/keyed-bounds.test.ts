import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { encodeModel } from '../../bench/onnx-writer.ts';
import type { InferenceEngine } from '../../lib/inference/engine.ts';
import { descendantsOf } from '../processes.ts';
import { runBundle, writeBundle } from './run-bundle.ts';
import { startEngine } from './start-engine.ts';

const MODELS = 5;
const WATCH_MILLIS = 5;
let folder = '';

/** Models each of which multiplies by a number of its own. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fabric-keyed-'));
  vi.stubEnv('FABRIC_TEST_FOLDER', folder);
  const shape = ['N', 2];
  for (let n = 0; n < MODELS; n += 1) {
    const weights = [{ name: 'factor', shape: [1], data: new Float32Array([n + 2]) }];
    const nodes = [{ op: 'Mul', inputs: ['x', 'factor'], output: 'y' }];
    const model = { inputs: [{ name: 'x', shape }], outputs: [{ name: 'y', shape }], weights, nodes };
    await writeFile(join(folder, `${n}.onnx`), encodeModel(model));
  }
});

afterAll(() => rm(folder, { recursive: true, force: true }));

interface Element {
  readonly key: string;
  readonly x: readonly [number, number];
}

/** Elements whose keys are in no order; the same for the same seed. */
function elementsOf(count: number, seed = 1): readonly Element[] {
  let random = seed;
  return Array.from({ length: count }, (_, n) => {
    random = (random * 48_271) % 2_147_483_647;
    return { key: `k${random % MODELS}`, x: [n, n + 1] };
  });
}

function expectedOf(elements: readonly Element[]): readonly unknown[] {
  return elements.map(({ key, x }) => ({ y: x.map((one) => one * (Number(key.slice(1)) + 2)) }));
}

/** Runs bundles side by side and expects of each element what its key's model gives; gives the most hosts ever alive. */
async function runWatched(engine: InferenceEngine, bundles: readonly (readonly Element[])[]): Promise<number> {
  let most = 0;
  const look = (): void => void (most = Math.max(most, descendantsOf(process.pid).length));
  const watch = setInterval(look, WATCH_MILLIS);
  try {
    const results = await Promise.all(bundles.map((elements) => runBundle(engine, elements)));
    look();
    results.forEach(({ outcomes }, index) => {
      expect(outcomes.map(({ prediction }) => prediction)).toEqual(expectedOf(bundles[index] ?? []));
    });
  } finally {
    clearInterval(watch);
  }
  return most;
}

describe('the models of a keyed step', () => {
  test.each([
    ['one-at-a-time', 1],
    ['two-at-a-time', 2],
    ['bytes-for-one', 1],
  ])('are never more than their bound in memory, whoever asks for them: %s', async (pipeline, bound) => {
    await using engine = await startEngine('keyed', pipeline, { workers: 2 });
    await engine.ready();
    expect(descendantsOf(process.pid)).toEqual([]);
    const bundles = [1, 2].map((seed) => elementsOf(400, seed));
    expect(await runWatched(engine, bundles)).toBe(bound);
    expect(engine.metrics.counter('model_evictions')).toBeGreaterThanOrEqual(MODELS - bound);
  });

  test('are loaded once for a bundle, however its keys are mixed', async () => {
    await using engine = await startEngine('keyed', 'two-at-a-time');
    expect(await runWatched(engine, [elementsOf(3000)])).toBe(2);
    expect(engine.metrics.counter('model_loads')).toBe(MODELS);
  });

  test('stay loaded where there is no bound, and are loaded only when an element needs them', async () => {
    await using engine = await startEngine('keyed', 'all-at-once', { workers: 2 });
    const some = elementsOf(200).filter(({ key }) => key !== 'k3');
    expect(await runWatched(engine, [some])).toBe(MODELS - 1);
    expect(await runWatched(engine, [elementsOf(300, 2), elementsOf(300, 3)])).toBe(MODELS);
    expect(engine.metrics.counter('model_loads')).toBe(MODELS);
    expect(engine.metrics.counter('model_evictions')).toBe(0);
  });

  test('that are loaded again and again are a warning, which names what to change', async () => {
    const warnings: string[] = [];
    const onWarning = (message: string): void => void warnings.push(message);
    await using engine = await startEngine('keyed', 'one-at-a-time', { onWarning });
    for (const key of ['k0', 'k1', 'k0']) await runWatched(engine, [[{ key, x: [1, 2] }]]);
    expect(warnings).toEqual([expect.stringMatching(/one-at-a-time\/steps\[0\].*'maxModelsPerWorkerHint' \(1\)/)]);
    expect(engine.metrics.counter('model_thrash_warnings')).toBe(1);
  });

  test('go back when a bundle that holds or awaits them is given up', async () => {
    await using engine = await startEngine('keyed', 'one-at-a-time', { workers: 2 });
    const { bundle } = await writeBundle(elementsOf(20_000));
    for (const when of ['waiting', 'inferring']) {
      const aborter = new AbortController();
      const abort = (): void => aborter.abort(new Error('enough'));
      const given = engine.process(bundle, { write: abort }, { signal: aborter.signal });
      if (when === 'waiting') setTimeout(abort, 20);
      await expect(given).rejects.toThrow('enough');
    }
    expect(await runWatched(engine, [elementsOf(2)])).toBe(1);
  });
});
