import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { InferenceEngine } from '../../lib/inference/engine/engine.ts';
import { readModelContent } from '../../lib/models/model-digest.ts';
import { startTestAws, type TestAws } from '../embedded-aws.ts';
import { processBundle } from '../inference/run-bundle.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { fabricHere } from '../fabric-here.ts';
import { ROOT } from './run-fabric.ts';

const CONFIG = join(ROOT, 'examples/model-folder/fabric.config.ts');

let aws: TestAws;
let cache: string;
beforeAll(async () => {
  aws = await startTestAws();
  await aws.createBucket('my-models');
  cache = await mkdtemp(join(tmpdir(), 'fabric-test-'));
  vi.stubEnv('FABRIC_MODEL_CACHE', cache);
  vi.stubEnv('SENTIMENT_REFRESH_SECS', '0.1');
});
afterAll(async () => {
  await aws[Symbol.asyncDispose]();
  await rm(cache, { recursive: true, force: true });
});

/** The two files of a model in which a word has a score. */
function lexicon(version: string, good: number): Readonly<Record<string, string>> {
  return {
    'settings.json': JSON.stringify({ version, neutralBelow: 1 }),
    'words.json': JSON.stringify({ excellent: 3, good }),
  };
}

async function upload(prefix: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, content] of Object.entries(files))
    await aws.store.put({ bucket: 'my-models', key: `${prefix}${name}` }, content);
}

/** The digest that the same files have on disk. */
async function digestOf(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = join(await temporaryFolder(), 'model');
  await mkdir(folder);
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  return (await readModelContent(folder)).digest;
}

async function start(modelUri: string): Promise<{ readonly engine: InferenceEngine; readonly warnings: string[] }> {
  vi.stubEnv('SENTIMENT_MODEL', modelUri);
  const warnings: string[] = [];
  const engine = await InferenceEngine.start({
    // Node imports a module once for each URL, and the config reads the environment when it is imported.
    configUrl: new URL(`?${randomUUID()}`, pathToFileURL(CONFIG)),
    pipeline: 'reviews',
    workers: 1,
    onWarning: (message) => void warnings.push(message),
  });
  onTestFinished(() => engine[Symbol.asyncDispose]());
  return { engine, warnings };
}

/** The score of a review, and the model that its line names. */
async function ask(engine: InferenceEngine) {
  const path = join(await temporaryFolder(), 'reviews.txt');
  await writeFile(path, 'Good!\n');
  const source = { kind: 'range', uri: path, range: { start: 0, end: 6 } } as const;
  const bundle = { name: 'reviews.txt', source, address: { uri: path } };
  const { outcomes, summary } = await processBundle(engine, bundle, ['reviews.txt#0']);
  return { prediction: outcomes[0]?.prediction, models: summary.models };
}

describe('a handler of the user with a model folder in S3', () => {
  test('answers by the folder, names its digest, and goes on with a newer folder at the same place', async () => {
    const first = lexicon('v1', 2);
    await upload('sentiment/', first);
    const { engine, warnings } = await start('s3://my-models/sentiment/');
    const digest = await digestOf(first);
    expect(await ask(engine)).toEqual({
      prediction: { score: 2, sentiment: 'positive' },
      models: { [digest.slice(0, 12)]: digest },
    });

    const second = lexicon('v2', -4);
    await upload('sentiment/', second);
    const newDigest = await digestOf(second);
    await vi.waitFor(
      async () =>
        expect(await ask(engine)).toEqual({
          prediction: { score: -4, sentiment: 'negative' },
          models: { [newDigest.slice(0, 12)]: newDigest },
        }),
      { timeout: 20_000, interval: 200 },
    );
    // A look while only one of the two files was new is no version.
    expect(warnings.filter((warning) => !warning.includes('it was replaced meanwhile'))).toEqual([]);
  });

  test('goes on with the folder that a pointer names, and keeps out one whose probe fails', async () => {
    await upload('v1/', lexicon('v1', 2));
    await upload('v2/', { ...lexicon('v2', 5), 'words.json': '{}' });
    await upload('v3/', lexicon('v3', 5));
    const point = (version: string): Promise<void> =>
      upload('', { 'current.json': JSON.stringify({ modelUri: `${version}/` }) });
    await point('v1');
    const { engine, warnings } = await start('s3://my-models/current.json');
    expect((await ask(engine)).prediction).toEqual({ score: 2, sentiment: 'positive' });

    await point('v2');
    await vi.waitFor(() => expect(engine.metrics.counter('model_refresh_failures')).toBe(1), { timeout: 20_000 });
    expect(warnings).toEqual([expect.stringContaining('is kept out')]);
    expect((await ask(engine)).prediction).toEqual({ score: 2, sentiment: 'positive' });

    await point('v3');
    await vi.waitFor(() => expect(engine.metrics.counter('model_refreshes')).toBe(1), { timeout: 20_000 });
    expect((await ask(engine)).prediction).toEqual({ score: 5, sentiment: 'positive' });
  });

  test('is checked before anything runs', async () => {
    vi.stubEnv('SENTIMENT_MODEL', 's3://my-models/nothing/');
    const input = 'examples/custom-handler/reviews.txt';
    const { status, stderr } = await fabricHere(['run', 'reviews', input, '--config', CONFIG, '--dry-run']);
    expect(status).toBe(1);
    expect(stderr).toContain('Cannot fetch the model s3://my-models/nothing/: there are no files in this folder');
  });
});
