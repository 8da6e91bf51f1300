import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { descendantsOf } from '../processes.ts';
import { temporaryFolder, writeIn } from '../temporary-folder.ts';
import { scaledBy, serveModel } from './serve-model.ts';
import { HandClock } from './hand-clock.ts';
import { ModelBucket } from '../models/model-bucket.ts';
import { MODELS, one, three, two } from './scale-versions.ts';

const bucket = new ModelBucket();

describe('a model on demand', () => {
  test('is the version that was loaded first, each time that it is opened', async () => {
    const uri = await bucket.put('demand/m.onnx', one);
    const { served } = await serveModel(uri, { isOnDemand: true });
    await served.open();
    await served.close();
    await bucket.put('demand/m.onnx', two);
    expect(await served.open()).toMatchObject({ digest: MODELS[1] });
    expect(await scaledBy(served)).toMatchObject({ factor: 1 });
  });

  test('is the newest that can serve, looked for at most once every refreshSecs, and one at a time', async () => {
    const clock = new HandClock();
    const before = descendantsOf(process.pid);
    const uri = await bucket.put('newest/m.onnx', one);
    const { served, refreshes, warnings } = await serveModel(uri, { isOnDemand: true, refreshSecs: 60, clock });
    await served.open();
    await served.close();
    expect(clock.waiting).toEqual([]);
    await bucket.put('newest/m.onnx', two);
    clock.advance(59_999);
    expect(await served.open()).toMatchObject({ digest: MODELS[1] });
    await served.close();
    clock.advance(1);
    expect(await served.open()).toMatchObject({ digest: MODELS[2] });
    expect(await scaledBy(served)).toEqual({ factor: 2, digest: MODELS[2] });
    expect(descendantsOf(process.pid).length - before.length).toBe(1);
    expect(refreshes).toEqual(['new']);

    await bucket.put('newest/m.onnx', 'no model');
    for (const _ of [1, 2]) {
      await served.close();
      clock.advance(60_000);
      expect(await served.open()).toMatchObject({ digest: MODELS[2] });
    }
    expect(warnings).toEqual([expect.stringContaining('is kept out, and the one before it serves on')]);
  });

  test('tells once that a new version is here while it is open, which is tried when it is opened again', async () => {
    const clock = new HandClock();
    const uri = await bucket.put('stale/m.onnx', one);
    let told = 0;
    const onStale = (): void => void (told += 1);
    const { served, loads, warnings } = await serveModel(uri, { isOnDemand: true, refreshSecs: 60, clock, onStale });
    await served.open();
    /** The clock's next look, and what came of it. */
    const look = async (): Promise<number> => {
      clock.advance(60_000);
      await served.refresh();
      return told;
    };
    await bucket.put('stale/m.onnx', one);
    expect(await look()).toBe(0);
    await bucket.put('stale/m.onnx', 'no model');
    expect(await look()).toBe(1);
    expect(clock.waiting).toEqual([]);
    expect(await scaledBy(served)).toMatchObject({ factor: 1 });
    await served.close();
    expect(await served.open()).toMatchObject({ digest: MODELS[1] });
    // It has been tried: nobody is told again before there is another.
    expect(await look()).toBe(1);
    await bucket.put('stale/m.onnx', two);
    expect(await look()).toBe(2);
    await served.close();
    expect(await served.open()).toMatchObject({ digest: MODELS[2] });
    expect(loads).toHaveLength(3);
    expect(warnings).toEqual([expect.stringContaining('is kept out, and the one before it serves on')]);
    await served.close();
    expect(clock.waiting).toEqual([]);
  });

  test('is what lies there now where the version before is nowhere any more, with a warning', async () => {
    const path = await writeIn(await temporaryFolder(), 'm.onnx', one);
    const { served, warnings } = await serveModel(path, { isOnDemand: true });
    await served.open();
    await served.close();
    await writeFile(path, three);
    expect(await served.open()).toMatchObject({ digest: MODELS[3] });
    expect(warnings).toEqual([expect.stringContaining(`the model ${path} was replaced`)]);
  });

  test('can be opened again where it could not be loaded', async () => {
    const path = join(await temporaryFolder(), 'm.onnx');
    const { served } = await serveModel(path, { isOnDemand: true });
    await expect(served.open()).rejects.toThrow('no such file');
    await served.close();
    await writeFile(path, two);
    expect(await served.open()).toMatchObject({ digest: MODELS[2] });
    const bytes = (await served.privateBytes()) ?? 0;
    expect(bytes).toBeGreaterThan(1_000_000);
    await served.close();
    expect(await served.privateBytes()).toBeUndefined();
    await rm(path);
  });
});
