import { readFile, rm, writeFile } from 'node:fs/promises';
import { describe, expect, test, vi } from 'vitest';
import { ModelStore } from '../../lib/models/model-store.ts';
import type { ObjectStore } from '../../lib/stores/object-store.ts';
import { scaleModel } from '../models/scale-model.ts';
import { modelFile } from '../models/model-files.ts';
import { descendantsOf, isAlive } from '../processes.ts';
import { temporaryFolder, writeIn } from '../temporary-folder.ts';
import { scaledBy, serveModel } from './serve-model.ts';
import { HandClock } from './hand-clock.ts';
import { MODELS, one, two } from './scale-versions.ts';
import { ModelBucket } from '../models/model-bucket.ts';
import { eventually } from '../eventually.ts';

const bucket = new ModelBucket();

/** A load takes a moment. */
const LOOKING_OFTEN = { timeout: 30_000, interval: 5 };

describe('a model that is refreshed', () => {
  test('swaps in what was put under the same key, between batches', async () => {
    const uri = await bucket.put('swap/m.onnx', one);
    const { served, refreshes, warnings } = await serveModel(uri, { refreshSecs: 3600 });
    expect(await served.open()).toMatchObject({ digest: MODELS[1] });
    expect(await scaledBy(served)).toEqual({ factor: 1, digest: MODELS[1] });
    expect(await served.refresh()).toBe('same');
    await bucket.put('swap/m.onnx', two);
    // Batches come all the time, and each is answered, by the model that it says.
    const end = new AbortController();
    const seen = new Set<number>();
    const load = Promise.all(
      [1, 2, 3].map(async () => {
        while (!end.signal.aborted) {
          const { factor, digest } = await scaledBy(served);
          expect(digest).toBe(MODELS[factor as 1 | 2]);
          seen.add(factor);
        }
      }),
    );
    expect(await served.refresh()).toBe('new');
    end.abort();
    await load;
    expect([...seen][0]).toBe(1);
    expect(await scaledBy(served)).toEqual({ factor: 2, digest: MODELS[2] });
    expect(refreshes).toEqual(['new']);
    expect(warnings).toEqual([]);
  });

  test('looks as often as it is told to, and is in one process again when the version before is drained', async () => {
    const clock = new HandClock();
    const uri = await bucket.put('clock/m.onnx', one);
    const before = descendantsOf(process.pid);
    const hosts = (): number[] => descendantsOf(process.pid).filter((pid) => !before.includes(pid));
    const { served, refreshes } = await serveModel(uri, { refreshSecs: 60, clock });
    await served.open();
    const [host] = hosts();
    await bucket.put('clock/m.onnx', two);
    clock.advance(59_999);
    expect(refreshes).toEqual([]);
    clock.advance(1);
    await eventually(() => expect(refreshes).toEqual(['new']));
    await eventually(() => expect(isAlive(host ?? 0)).toBe(false));
    expect(hosts()).toHaveLength(1);
    await eventually(() => expect(clock.waiting).toHaveLength(1));
    await served.close();
    expect(clock.waiting).toEqual([]);
    expect(hosts()).toEqual([]);
  });

  test('goes on with the version before when the new one can not serve, and tries it once', async () => {
    const uri = await bucket.put('kept/m.onnx', one);
    const probe = { input: 4, output: { y: [4] } };
    const { served, warnings, refreshes } = await serveModel(uri, { refreshSecs: 3600, probe });
    await served.open();
    for (const [content, reason] of [
      ['not a model', "can't be loaded"],
      [scaleModel(1, { input: 'z' }), "its inputs are 'z' FP32 [-1, 1], and must be 'x' FP32 [-1, 1]"],
      [two, 'answers the probe wrongly: output.y[0] is 8, and should be 4 within 0.001'],
    ] as const) {
      await bucket.put('kept/m.onnx', content);
      expect(await served.refresh()).toBe('kept out');
      expect(warnings.at(-1)).toContain(reason);
      expect(warnings.at(-1)).toContain(`a new version of the model ${uri} is kept out`);
      expect(await served.refresh()).toBe('same');
    }
    expect(await scaledBy(served)).toEqual({ factor: 1, digest: MODELS[1] });
    expect(refreshes).toEqual(['failed', 'failed', 'failed']);
    expect(warnings).toHaveLength(3);
    // It is tried again where there was another in between.
    await bucket.put('kept/m.onnx', one);
    expect(await served.refresh()).toBe('same');
    await bucket.put('kept/m.onnx', two);
    expect(await served.refresh()).toBe('kept out');
    expect(warnings).toHaveLength(4);
  });

  test('refuses a first version that answers the probe wrongly', async () => {
    const { served } = await serveModel(await bucket.put('first/m.onnx', two), {
      probe: { input: 4, output: { y: [4] } },
    });
    const error = { name: 'ModelLoadError', message: expect.stringContaining('output.y[0] is 8, and should be 4') };
    await expect(served.open()).rejects.toMatchObject(error);
  });

  test('tries a version again that could not be fetched, and says so once', async () => {
    const uri = await bucket.put('flaky/m.onnx', one);
    let isDown = false;
    const objects: ObjectStore = {
      ...bound(bucket.store),
      get: (address, options) => {
        if (isDown) throw new Error('the connection was cut');
        return bucket.store.get(address, options);
      },
    };
    const store = new ModelStore({ objects, folder: await temporaryFolder() });
    const { served, warnings, refreshes } = await serveModel(uri, { refreshSecs: 3600, store });
    await served.open();
    await bucket.put('flaky/m.onnx', two);
    isDown = true;
    expect([await served.refresh(), await served.refresh()]).toEqual(['kept out', 'kept out']);
    expect(warnings).toEqual([expect.stringContaining('the connection was cut')]);
    isDown = false;
    expect(await served.refresh()).toBe('new');
    expect(await scaledBy(served)).toMatchObject({ factor: 2 });
    expect(refreshes).toEqual(['failed', 'failed', 'new']);
  });

  test('is not loaded again where it is the same in content, and serves on where it is gone', async () => {
    const path = await writeIn(await temporaryFolder(), 'm.onnx', one);
    const { served, loads, warnings, refreshes } = await serveModel(path, { refreshSecs: 3600 });
    await served.open();
    await writeFile(path, one);
    expect([await served.refresh(), await served.refresh()]).toEqual(['same', 'same']);
    expect(loads).toHaveLength(1);
    await rm(path);
    expect([await served.refresh(), await served.refresh()]).toEqual(['same', 'same']);
    expect(warnings).toEqual([expect.stringContaining('no such file')]);
    expect(refreshes).toEqual(['failed', 'failed']);
    expect(await scaledBy(served)).toMatchObject({ factor: 1 });
  });

  test('follows a pointer', async () => {
    await bucket.put('pointed/v1/m.onnx', one);
    await bucket.put('pointed/v2/m.onnx', two);
    const uri = await bucket.put('pointed/current.json', '{"modelUri":"v1/m.onnx"}');
    const { served, warnings } = await serveModel(uri, { refreshSecs: 3600 });
    await served.open();
    await bucket.put('pointed/current.json', '{"modelUri":"v2/m.onnx"}');
    expect(await served.refresh()).toBe('new');
    expect(await scaledBy(served)).toEqual({ factor: 2, digest: MODELS[2] });
    await bucket.put('pointed/current.json', '{"modelUri":"v3/m.onnx"}');
    expect(await served.refresh()).toBe('same');
    expect(warnings).toEqual([expect.stringContaining('s3://models/pointed/v3/m.onnx: there is no such object')]);
  });

  test('leaves no process behind where it is closed while a new version loads', async () => {
    const before = descendantsOf(process.pid);
    const uri = await bucket.put('closed/m.onnx', one);
    const { served, warnings, refreshes } = await serveModel(uri, { refreshSecs: 3600 });
    await served.open();
    await bucket.put('closed/m.onnx', two);
    const refreshing = served.refresh();
    // A second process: that of the new version.
    await vi.waitFor(() => expect(descendantsOf(process.pid).length - before.length).toBe(2), LOOKING_OFTEN);
    await served.close();
    expect(await refreshing).toBe('kept out');
    expect(descendantsOf(process.pid).filter((pid) => !before.includes(pid))).toEqual([]);
    expect([warnings, refreshes]).toEqual([[], []]);
  });
});

test('a model with weights in a file of their own is refreshed with them', async () => {
  const [model, weights] = await Promise.all(
    ['external.onnx', 'external.onnx.data'].map((name) => readFile(modelFile(name))),
  );
  await bucket.put('ext/external.onnx.data', weights ?? '');
  const uri = await bucket.put('ext/external.onnx', model ?? '');
  const { served } = await serveModel(uri, { refreshSecs: 3600 });
  const first = await served.open();
  expect(await served.refresh()).toBe('same');
  await bucket.put('ext/external.onnx.data', Buffer.alloc(weights?.length ?? 0));
  expect(await served.refresh()).toBe('new');
  expect(await served.refresh()).toBe('same');
  expect(first.digest).toMatch(/^[0-9a-f]{64}$/);
});

function bound(store: ObjectStore): ObjectStore {
  return {
    head: store.head.bind(store),
    get: store.get.bind(store),
    put: store.put.bind(store),
    copy: store.copy.bind(store),
    delete: store.delete.bind(store),
    list: store.list.bind(store),
  };
}
