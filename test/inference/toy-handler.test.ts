import { createHash } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import type { LoadedCopy } from '../../lib/inference/engine/load-notices.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { runBundle } from './run-bundle.ts';
import { startEngine } from './start-engine.ts';

const ELEMENTS = [1, 2, 3, 4, 5].map((x) => ({ x }));

test('a handler of the user has files, versions, GPUs and tensors by the port alone', async () => {
  const folder = await temporaryFolder();
  vi.stubEnv('FABRIC_TEST_FOLDER', folder);
  vi.stubEnv('FABRIC_MODEL_CACHE', join(folder, 'cache'));
  const release = async (slope: string): Promise<string> => {
    await writeFile(join(folder, 'slope.new'), slope);
    await rename(join(folder, 'slope.new'), join(folder, 'slope.txt'));
    return createHash('sha256').update(slope).digest('hex');
  };
  const first = await release('2');
  const warnings = new Set<string>();
  const loaded: LoadedCopy[] = [];
  await using engine = await startEngine('toy', 'toy', {
    gpus: 2,
    onWarning: (message) => void warnings.add(message),
    onModelLoaded: (copy) => void loaded.push(copy),
  });
  const before = await runBundle(engine, ELEMENTS);
  expect(before.outcomes.map(({ prediction }) => prediction)).toEqual(ELEMENTS.map(({ x }) => ({ y: 2 * x })));
  expect(before.summary.models).toEqual({ [first.slice(0, 12)]: first });
  expect(engine.metrics.distribution('inference_request_batch_size')).toMatchObject({ count: 2, max: 4 });

  // One copy for each GPU, each with the number of its own.
  await vi.waitFor(() => expect(warnings.size).toBe(2), { timeout: 20_000 });
  const place = 'toy/steps[0].handler';
  expect(warnings).toEqual(new Set([0, 1].map((gpu) => `the model of ${place} is a toy on GPU ${gpu}`)));
  expect(loaded).toMatchObject([0, 1].map(() => ({ place, model: first.slice(0, 12), providers: ['toy'] })));

  const second = await release('3');
  await vi.waitFor(() => expect(engine.metrics.counter('model_refreshes')).toBe(1), { timeout: 20_000 });
  const after = await runBundle(engine, ELEMENTS);
  expect(after.outcomes.map(({ prediction }) => prediction)).toEqual(ELEMENTS.map(({ x }) => ({ y: 3 * x })));
  expect(after.summary.models).toEqual({ [second.slice(0, 12)]: second });
});
