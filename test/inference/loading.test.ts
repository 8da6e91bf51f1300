import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { runBundle } from './run-bundle.ts';
import { startEngine } from './start-engine.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const ELEMENTS = [1, 2, 3];

async function loadsIn(folder: string): Promise<number> {
  return (await readFile(join(folder, 'loads'), 'utf8')).trim().split('\n').length;
}

describe('a model that cannot be loaded', () => {
  test.each([
    ['is missing', 'missing', 'no-such.onnx'],
    ['is corrupt', 'corrupt', 'corrupt.onnx'],
    ['is refused by its handler', 'throwing', 'no weights today'],
    ['is the second of a sequence, and missing', 'second-of-two', 'no-such.onnx'],
  ])('ends process() and ready() with a ModelLoadError when it %s', async (_, pipeline, reason) => {
    vi.stubEnv('FABRIC_TEST_FOLDER', await temporaryFolder());
    await using engine = await startEngine('loading', pipeline);
    const error = { name: 'ModelLoadError', code: 'MODEL_NOT_LOADED', message: expect.stringContaining(reason) };
    await expect(runBundle(engine, ELEMENTS)).rejects.toMatchObject(error);
    await expect(engine.ready()).rejects.toMatchObject(error);
    await expect(runBundle(engine, ELEMENTS)).rejects.toMatchObject(error);
  });

  test.each([
    ['ends its process', 'dying', 'status 7', 3],
    // How many of them get as far as `loadModel` in so short a time is up to the machine.
    [
      'takes too long',
      'hanging',
      "loadModel took longer than 'loadTimeoutSecs' (0.3 s), and its process was killed",
      0,
    ],
  ])('is given up after three tries when it %s', async (_, pipeline, reason, loads) => {
    const folder = await temporaryFolder();
    vi.stubEnv('FABRIC_TEST_FOLDER', folder);
    await using engine = await startEngine('loading', pipeline);
    const error = { name: 'ModelLoadError', message: expect.stringContaining(reason) };
    await expect(runBundle(engine, ELEMENTS)).rejects.toMatchObject(error);
    await expect(engine.ready()).rejects.toMatchObject(error);
    if (loads > 0) expect(await loadsIn(folder)).toBe(loads);
  });
});

describe('a model that asks for another try', () => {
  test('gets it where only its connection was lost', async () => {
    const folder = await temporaryFolder();
    vi.stubEnv('FABRIC_TEST_FOLDER', folder);
    await using engine = await startEngine('loading', 'reset');
    await engine.ready();
    expect(await loadsIn(folder)).toBe(2);
  });

  test('gets it, in a process that is new', async () => {
    const folder = await temporaryFolder();
    vi.stubEnv('FABRIC_TEST_FOLDER', folder);
    await using engine = await startEngine('loading', 'late');
    await engine.ready();
    const pids = (await readFile(join(folder, 'loads'), 'utf8')).trim().split('\n');
    expect(new Set(pids).size).toBe(3);
    const { outcomes } = await runBundle(engine, ELEMENTS);
    expect(outcomes.map(({ prediction }) => String(prediction))).toEqual([pids[2], pids[2], pids[2]]);
  });

  test('is given up after three, as one that may load another time', async () => {
    const folder = await temporaryFolder();
    vi.stubEnv('FABRIC_TEST_FOLDER', folder);
    await using engine = await startEngine('loading', 'never');
    const error = { name: 'ModelLoadError', disposition: 'retry', message: expect.stringContaining('store is busy') };
    await expect(runBundle(engine, ELEMENTS)).rejects.toMatchObject(error);
    expect(await loadsIn(folder)).toBe(3);
  });
});

test('a host that dies with nothing to do is replaced', async () => {
  const folder = await temporaryFolder();
  vi.stubEnv('FABRIC_TEST_FOLDER', folder);
  await using engine = await startEngine('loading', 'good');
  const loads = (): number => engine.metrics.distribution('load_model_latency_milli_secs')?.count ?? 0;
  const pids: number[] = [];
  for (const generation of [1, 2, 3]) {
    await vi.waitFor(() => expect(loads()).toBe(generation), { timeout: 10_000, interval: 20 });
    const { outcomes } = await runBundle(engine, ELEMENTS);
    const pid = Number(outcomes[0]?.prediction);
    expect(outcomes.map(({ prediction }) => prediction)).toEqual([pid, pid, pid]);
    expect(pids).not.toContain(pid);
    pids.push(pid);
    process.kill(pid, 'SIGKILL');
  }
});
