import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { InferenceEngine } from '../../lib/inference/engine/engine.ts';
import { scaleModel, scaleModels } from '../models/scale-model.ts';
import { descendantsOf } from '../processes.ts';
import { writeIn } from '../temporary-folder.ts';
import type { RefreshReport } from './fixtures/refresh-script.ts';
import { runBundle, writeBundle } from './run-bundle.ts';
import { startEngine } from './start-engine.ts';

const MIB = 1024 * 1024;
const ELEMENTS = 500;
/** Bundles after which the engine's heaps are as large as they get. */
const WARM_UP = 30;
const SAMPLES = 4;
const CONFIG = new URL('./fixtures/refresh.config.ts', import.meta.url);

/** Where the fixture config has its models, and in it the cache. */
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fabric-test-'));
  vi.stubEnv('FABRIC_TEST_FOLDER', folder);
  vi.stubEnv('FABRIC_MODEL_CACHE', join(folder, 'cache'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Puts a model in its place in one step. @returns its digest */
async function release(path: string, model: Uint8Array): Promise<string> {
  await writeFile(`${path}.new`, model);
  await rename(`${path}.new`, path);
  return createHash('sha256').update(model).digest('hex');
}

function elements(count: number, keys: readonly string[] = ['a']): object[] {
  return Array.from({ length: count }, (_, index) => ({ key: keys[index % keys.length], x: [1] }));
}

async function open(pipeline: string): Promise<{ readonly engine: InferenceEngine; readonly warnings: string[] }> {
  const warnings: string[] = [];
  const engine = await startEngine('refresh', pipeline, { onWarning: (message) => void warnings.push(message) });
  onTestFinished(() => engine[Symbol.asyncDispose]());
  return { engine, warnings };
}

/** What each element was multiplied by, and the model that its line names. */
function answers(outcomes: Awaited<ReturnType<typeof runBundle>>['outcomes']): Set<string> {
  return new Set(
    outcomes.map(({ prediction, model }) => `${String((prediction as { y: unknown }).y)} by ${String(model)}`),
  );
}

describe('an engine', () => {
  test('takes a new version in while it runs, names it, and keeps one out that can not serve', async () => {
    const path = join(folder, 'model.onnx');
    const first = await release(path, scaleModel(1));
    const { engine, warnings } = await open('refreshed');
    const before = await runBundle(engine, elements(10), { name: 'before' });
    expect(answers(before.outcomes)).toEqual(new Set([`1 by ${first.slice(0, 12)}`]));
    expect(before.summary.models).toEqual({ [first.slice(0, 12)]: first });

    await release(path, Buffer.from('no model'));
    await vi.waitFor(() => expect(engine.metrics.counter('model_refresh_failures')).toBe(1), { timeout: 10_000 });
    expect(warnings).toEqual([expect.stringContaining(`a new version of the model ${path} is kept out`)]);
    expect(answers((await runBundle(engine, elements(10))).outcomes)).toEqual(new Set([`1 by ${first.slice(0, 12)}`]));

    const second = await release(path, scaleModel(2));
    await vi.waitFor(() => expect(engine.metrics.counter('model_refreshes')).toBe(1), { timeout: 10_000 });
    const after = await runBundle(engine, elements(10));
    expect(answers(after.outcomes)).toEqual(new Set([`2 by ${second.slice(0, 12)}`]));
    expect(after.summary.models).toEqual({ [second.slice(0, 12)]: second });
    expect(warnings).toHaveLength(1);
  });

  test('follows a pointer to the current version', async () => {
    const models = await Promise.all([1, 2].map((factor) => writeIn(folder, `v${factor}.onnx`, scaleModel(factor))));
    expect(models).toHaveLength(2);
    await writeIn(folder, 'current.json', '{"modelUri":"v1.onnx"}');
    const { engine } = await open('pointed');
    expect([...answers((await runBundle(engine, elements(3))).outcomes)]).toEqual([expect.stringMatching(/^1 by/)]);
    await release(join(folder, 'current.json'), Buffer.from('{"modelUri":"v2.onnx"}'));
    await vi.waitFor(() => expect(engine.metrics.counter('model_refreshes')).toBe(1), { timeout: 10_000 });
    expect([...answers((await runBundle(engine, elements(3))).outcomes)]).toEqual([expect.stringMatching(/^2 by/)]);
  });

  test('takes keyed models under a bound in their new versions, also one that never has to leave', async () => {
    await Promise.all([release(join(folder, 'a.onnx'), scaleModel(1)), release(join(folder, 'b.onnx'), scaleModel(5))]);
    const { engine, warnings } = await open('keyed');
    const keys = ['a', 'b'];
    const first = await runBundle(engine, elements(10, keys));
    expect(first.outcomes.map(({ prediction }) => (prediction as { y: readonly number[] }).y[0])).toEqual([
      1, 5, 1, 5, 1, 5, 1, 5, 1, 5,
    ]);
    // Of `a` and `b` one is in memory: the other goes, so that both are loaded anew in two bundles.
    await Promise.all([release(join(folder, 'a.onnx'), scaleModel(2)), release(join(folder, 'b.onnx'), scaleModel(6))]);
    await runBundle(engine, elements(10, keys));
    const third = await runBundle(engine, elements(10, keys));
    expect(third.outcomes.map(({ prediction }) => (prediction as { y: readonly number[] }).y[0])).toEqual([
      2, 6, 2, 6, 2, 6, 2, 6, 2, 6,
    ]);
    expect(Object.keys(third.summary.models)).toHaveLength(2);

    const runAlone = async (): Promise<Set<string>> => answers((await runBundle(engine, elements(10))).outcomes);
    const a = await release(join(folder, 'a.onnx'), scaleModel(3));
    const isNewest = async () => expect(await runAlone()).toEqual(new Set([`3 by ${a.slice(0, 12)}`]));
    await vi.waitFor(isNewest, { timeout: 10_000 });
    await release(join(folder, 'a.onnx'), Buffer.from('no model'));
    const isTried = async () => {
      await isNewest();
      const keptOut = warnings.filter((warning) => warning.includes('kept out'));
      expect(keptOut).toEqual([expect.stringContaining('a.onnx is kept out, and the one before it serves on')]);
    };
    await vi.waitFor(isTried, { timeout: 10_000 });
    // It has been tried: the one that serves stays where it is.
    const loads = engine.metrics.counter('model_loads');
    for (let bundle = 0; bundle < 20; bundle += 1) await isNewest();
    expect(engine.metrics.counter('model_loads')).toBe(loads);
  });
});

test.runIf(process.platform === 'linux')(
  'ten refreshes of a 50 MB model under load fail no element, mislabel none, and leave memory flat',
  { timeout: 120_000 },
  async () => {
    const path = join(folder, 'model.onnx');
    await rm(join(folder, 'cache'), { recursive: true, force: true });
    vi.stubEnv('FABRIC_MODEL_CACHE_BYTES', String(160 * MIB));
    const model = scaleModels({ weightBytes: 50 * MIB });
    const digests = new Map([[1, await release(path, model(1))]]);
    const { bundle } = await writeBundle(elements(ELEMENTS));
    const program = fileURLToPath(new URL('./fixtures/refresh-script.ts', import.meta.url));
    const script = fork(program, [CONFIG.href, JSON.stringify(bundle)], {
      // A young generation that may not grow: how far it has is no matter of the models.
      execArgv: [...process.execArgv, '--expose-gc', '--max-semi-space-size=1'],
    });
    onTestFinished(() => void script.kill('SIGKILL'));
    let report: RefreshReport | undefined;
    script.on('message', (message: RefreshReport) => (report = message));
    const pid = script.pid ?? 0;
    /** As each of the next bundles ends, whatever garbage there is then. */
    const leastResident = async (): Promise<number> => {
      const samples: number[] = [];
      while (samples.length < SAMPLES) {
        await once(script, 'message');
        samples.push(await residentBytes([pid, ...descendantsOf(pid)]));
      }
      return Math.min(...samples);
    };
    const refreshed = (times: number): Promise<void> =>
      vi.waitFor(
        () => {
          expect(report).toMatchObject({ refreshes: times });
          // The one before is gone: one host is left.
          expect(descendantsOf(pid)).toHaveLength(1);
        },
        { timeout: 60_000, interval: 20 },
      );
    await refreshed(0);
    await vi.waitFor(() => expect(report?.bundles).toBeGreaterThan(WARM_UP), { timeout: 60_000, interval: 20 });
    const resident: number[] = [];
    for (let factor = 2; factor <= 11; factor += 1) {
      digests.set(factor, await release(path, model(factor)));
      await refreshed(factor - 1);
      resident.push(await leastResident());
    }
    script.send('enough');
    await once(script, 'exit');
    expect(report).toMatchObject({ refreshes: 10, failed: 0, warnings: [] });
    const expected = [...digests].map(([factor, digest]) => `${factor} ${digest.slice(0, 12)}`);
    expect(Object.keys(report?.counts ?? {}).toSorted()).toEqual(expected.toSorted());
    const total = Object.values(report?.counts ?? {}).reduce((sum, count) => sum + count, 0);
    expect(total).toBe((report?.bundles ?? 0) * ELEMENTS);
    const growth = (resident.at(-1) ?? 0) / (resident[0] ?? 1);
    expect(growth).toBeLessThan(1.1);
    expect((await readdir(join(folder, 'cache'))).length).toBeLessThanOrEqual(3);
  },
);

/** proc_pid_status(5): VmRSS, in kB. */
async function residentBytes(pids: readonly number[]): Promise<number> {
  const bytes = await Promise.all(
    pids.map(async (pid) => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
    }),
  );
  return bytes.reduce((sum, one) => sum + one, 0);
}
