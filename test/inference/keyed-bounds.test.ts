import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { encodeModel } from '../../bench/onnx-writer.ts';
import type { InferenceEngine } from '../../lib/inference/engine/engine.ts';
import { descendantsOf } from '../processes.ts';
import { runBundle, writeBundle } from './run-bundle.ts';
import { startEngine } from './start-engine.ts';

const MODELS = 3;
/** Less than a model takes to load, much less than it stays. */
const WATCH_MILLIS = 20;
/** Processes that other test files have left to this one, such as a bundler's. */
const others = new Set(descendantsOf(process.pid));
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

function hosts(): number[] {
  return descendantsOf(process.pid).filter((pid) => !others.has(pid));
}

/** Runs bundles side by side and expects of each element what its key's model gives; gives the most hosts ever alive. */
async function runWatched(engine: InferenceEngine, bundles: readonly (readonly Element[])[]): Promise<number> {
  let most = 0;
  const look = (): void => void (most = Math.max(most, hosts().length));
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

/** One engine for the tests of a group: what it has in memory is what those before left there. */
function engineFor(
  pipeline: string,
  workers = 1,
): { readonly engine: InferenceEngine; readonly warnings: readonly string[] } {
  const warnings: string[] = [];
  let engine: InferenceEngine | undefined;
  beforeAll(async () => {
    engine = await startEngine('keyed', pipeline, { workers, onWarning: (message) => void warnings.push(message) });
    await engine.ready();
    expect(hosts()).toEqual([]);
  });
  afterAll(() => engine?.[Symbol.asyncDispose]());
  return {
    get engine() {
      if (engine === undefined) throw new TypeError('it has not been started');
      return engine;
    },
    warnings,
  };
}

/** Expects that no more models than the bound are in memory while two bundles run, and that others have to leave. */
async function expectWithin(bound: number, engine: InferenceEngine): Promise<void> {
  const bundles = [1, 2].map((seed) => elementsOf(400, seed));
  expect(await runWatched(engine, bundles)).toBe(bound);
  expect(engine.metrics.counter('model_evictions')).toBeGreaterThanOrEqual(MODELS - bound);
}

describe('the models of a keyed step of which one is in memory at a time', () => {
  const one = engineFor('one-at-a-time', 2);

  test('that are loaded again and again are a warning, which names what to change', async () => {
    for (const key of ['k0', 'k1', 'k0']) await runWatched(one.engine, [[{ key, x: [1, 2] }]]);
    expect(one.warnings).toEqual([expect.stringMatching(/one-at-a-time\/steps\[0\].*'maxModelsPerWorkerHint' \(1\)/)]);
    expect(one.engine.metrics.counter('model_thrash_warnings')).toBe(1);
  });

  test('go back when a bundle that holds or awaits them is given up', async () => {
    const { bundle } = await writeBundle(elementsOf(5000));
    for (const when of ['waiting', 'inferring']) {
      const aborter = new AbortController();
      const abort = (): void => aborter.abort(new Error('enough'));
      const given = one.engine.process(bundle, { write: abort }, { signal: aborter.signal });
      if (when === 'waiting') setTimeout(abort, 20);
      await expect(given).rejects.toThrow('enough');
    }
    expect(await runWatched(one.engine, [elementsOf(2)])).toBe(1);
  });

  test('are never more, whoever asks for them', () => expectWithin(1, one.engine));
});

describe('the models of a keyed step of which two are in memory at a time', () => {
  const two = engineFor('two-at-a-time');

  test('are loaded once for a bundle, however its keys are mixed', async () => {
    expect(await runWatched(two.engine, [elementsOf(3000)])).toBe(2);
    expect(two.engine.metrics.counter('model_loads')).toBe(MODELS);
  });

  test('are never more, whoever asks for them', () => expectWithin(2, two.engine));
});

describe('the models of a keyed step whose bytes are bounded', () => {
  const bytes = engineFor('bytes-for-one');

  test('are never more than there is room for, whoever asks for them', () => expectWithin(1, bytes.engine));
});

describe('the models of a keyed step without a bound', () => {
  const all = engineFor('all-at-once');

  test('stay loaded, and are loaded only when an element needs them', async () => {
    const some = elementsOf(200).filter(({ key }) => key !== 'k2');
    expect(await runWatched(all.engine, [some])).toBe(MODELS - 1);
    expect(await runWatched(all.engine, [elementsOf(300, 2), elementsOf(300, 3)])).toBe(MODELS);
    expect(all.engine.metrics.counter('model_loads')).toBe(MODELS);
    expect(all.engine.metrics.counter('model_evictions')).toBe(0);
  });
});
