import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { OpenedModel } from '../../lib/inference/engine/engine-models.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { failuresOf, runBundle } from './run-bundle.ts';
import { startEngine } from './start-engine.ts';

let folder: string;
beforeEach(async () => {
  folder = await temporaryFolder();
  vi.stubEnv('FABRIC_TEST_FOLDER', folder);
});

/** The models that were loaded, in the order of their names. */
async function loads(): Promise<string[]> {
  const text = await readFile(join(folder, 'loads'), 'utf8');
  return text.trimEnd().split('\n').toSorted();
}

describe('a handler object in two steps', () => {
  test('is one model, loaded once', async () => {
    const opened: OpenedModel[] = [];
    await using engine = await startEngine('shared', 'sequence', { onModelOpened: (model) => void opened.push(model) });
    const { outcomes } = await runBundle(engine, [{ n: 1 }, { n: 5 }]);
    expect(outcomes.map(({ prediction }) => prediction)).toMatchObject([{ n: 3 }, { n: 7 }]);
    expect(await loads()).toEqual(['shared']);
    expect(engine.metrics.counter('model_loads')).toBe(1);
    const places = new Set(opened.map(({ place }) => place));
    expect(places).toEqual(new Set(['sequence/steps[0].handler', 'sequence/steps[2].handler']));
  });

  test('has the timeout of each step', async () => {
    await using engine = await startEngine('shared', 'sequence');
    const { outcomes } = await runBundle(engine, [{ n: 1 }, { n: 2, spinLater: true }]);
    expect(failuresOf(outcomes)).toMatchObject([
      {
        stage: 'step[2].inference',
        error: { name: 'TimeoutError', message: expect.stringContaining('1 s') as string },
      },
    ]);
    expect(outcomes[0]?.prediction).toMatchObject({ n: 3 });
  });

  test('is one model in branches too, also with functions around it', async () => {
    await using engine = await startEngine('shared', 'branches');
    const { outcomes } = await runBundle(engine, [{ n: 1 }]);
    expect(outcomes[0]?.prediction).toMatchObject({ plain: { n: 2 }, wrapped: 20 });
    expect(await loads()).toEqual(['shared']);
  });

  test('is one model for each key, if it is keyed and all its models may stay in memory', async () => {
    await using engine = await startEngine('shared', 'keyed');
    const { outcomes } = await runBundle(engine, [
      { key: 'a', n: 1 },
      { key: 'b', n: 5 },
    ]);
    expect(outcomes.map(({ prediction }) => prediction)).toMatchObject([{ n: 3 }, { n: 7 }]);
    expect(await loads()).toEqual(['a', 'b']);
  });

  test('is loaded for each step, if it is keyed and its models leave memory for each other', async () => {
    await using engine = await startEngine('shared', 'bounded');
    const { outcomes } = await runBundle(engine, [
      { key: 'a', n: 1 },
      { key: 'b', n: 5 },
    ]);
    expect(outcomes.map(({ prediction }) => prediction)).toMatchObject([{ n: 3 }, { n: 7 }]);
    expect((await loads()).length).toBeGreaterThanOrEqual(4);
  });
});

test('two handler objects of one class are two models', async () => {
  await using engine = await startEngine('shared', 'apart');
  await runBundle(engine, [{ n: 1 }]);
  expect(await loads()).toEqual(['one', 'two']);
});
