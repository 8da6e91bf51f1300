import { writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { ModelStore } from '../../lib/models/model-store.ts';
import { descendantsOf } from '../processes.ts';
import { temporaryFolder, writeIn } from '../temporary-folder.ts';
import { scaledBy, serveModel } from './serve-model.ts';
import { MODELS, one, two } from './scale-versions.ts';
import { ModelBucket } from '../models/model-bucket.ts';
import { eventually } from '../eventually.ts';

const bucket = new ModelBucket();

describe('hosts of one model', () => {
  test('that take the place of others load the same version, whatever was put in its place', async () => {
    const path = await writeIn(await temporaryFolder(), 'm.onnx', one);
    const before = descendantsOf(process.pid);
    const { served, loads } = await serveModel(path, { refreshSecs: 3600 });
    await served.open();
    await writeFile(path, two);
    const host = descendantsOf(process.pid).find((pid) => !before.includes(pid));
    process.kill(host ?? 0, 'SIGKILL');
    await eventually(() => expect(loads).toHaveLength(2));
    expect(await scaledBy(served)).toEqual({ factor: 1, digest: MODELS[1] });
  });

  test('that find the cached file corrupted fetch it anew', async () => {
    const uri = await bucket.put('again/m.onnx', one);
    const store = new ModelStore({ folder: await temporaryFolder() });
    const before = descendantsOf(process.pid);
    const { served, loads } = await serveModel(uri, { store });
    await served.open();
    const held = await store.acquire(uri);
    await writeFile(held.path, two);
    const host = descendantsOf(process.pid).find((pid) => !before.includes(pid));
    process.kill(host ?? 0, 'SIGKILL');
    await eventually(() => expect(loads).toHaveLength(2));
    expect(await scaledBy(served)).toEqual({ factor: 1, digest: MODELS[1] });
  });

  test('that are to hold a file that was replaced where it lies do not serve, and say what to set', async () => {
    const path = await writeIn(await temporaryFolder(), 'm.onnx', one);
    const before = descendantsOf(process.pid);
    const { served } = await serveModel(path);
    await served.open();
    await writeFile(path, two);
    process.kill(descendantsOf(process.pid).find((pid) => !before.includes(pid)) ?? 0, 'SIGKILL');
    const error = {
      name: 'ModelLoadError',
      disposition: 'retry',
      message: expect.stringContaining("needs 'refreshSecs'"),
    };
    await eventually(() => expect(scaledBy(served)).rejects.toMatchObject(error));
  });
});
