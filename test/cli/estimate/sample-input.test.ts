import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { sampleInput, type SampleInput } from '../../../cli/estimate/sample-input.ts';
import { loadConfig, pipelineNamed } from '../../../lib/config/load-config.ts';
import { findInputs } from '../../../lib/jobs/run/find-inputs.ts';
import { startTestAws } from '../../embedded-aws.ts';
import { temporaryFolder, writeIn } from '../../temporary-folder.ts';
import { numbers } from '../example-inputs.ts';
import { configPath } from '../run-fabric.ts';

async function sampled(name: string, args: readonly string[], limit?: number): Promise<SampleInput> {
  const pipeline = pipelineNamed(await loadConfig(pathToFileURL(configPath)), name);
  const inputs = await findInputs(args, pipeline.input.format);
  return sampleInput(inputs, {
    pipeline,
    pipelineName: name,
    limit,
    staging: await temporaryFolder(),
    signal: new AbortController().signal,
    onProgress() {},
  });
}

const HEADER = 'id,a,b,c\n';
/** Rows of 100 bytes, so that it is known how many there are. */
const row = (index: number): string => `${String(index).padStart(9, '0')},1,2,${'3'.repeat(85)}\n`;
const ROWS = 350_000;

describe('what an input holds', () => {
  test('is counted, where that is soon done', async () => {
    const folder = await temporaryFolder();
    const lines = numbers(...Array(100).keys());
    const inputs = await Promise.all(['a', 'b', 'c'].map((name) => writeIn(folder, `${name}.jsonl`, lines)));
    const { elements, isExact, bundles, bundleCount } = await sampled('numbers', inputs);
    expect({ elements, isExact }).toEqual({ elements: 300, isExact: true });
    expect(bundles).toHaveLength(bundleCount);
    expect(bundles[0]).toMatchObject({ name: 'a.jsonl', source: { range: { start: 0 } } });
    expect(await sampled('numbers', inputs, 7)).toMatchObject({ elements: 21, isExact: true });
  });

  test('is what it is decompressed, or grouped by key', async () => {
    const folder = await temporaryFolder();
    const text = HEADER + Array.from({ length: 50 }, (_, index) => row(index)).join('');
    const packed = await writeIn(folder, 'rows.csv.gz', gzipSync(text));
    expect(await sampled('rows', [packed])).toMatchObject({ elements: 50, isExact: true, bundleCount: 1 });
    expect(await sampled('grouped', [packed])).toMatchObject({ elements: 50, isExact: true });
    expect(await sampled('rows', [packed], 20)).toMatchObject({ elements: 20, isExact: true });
  });

  test.each(['', '.gz'])(
    'is estimated by bytes from its beginning, where rows.csv%s takes long to plan',
    async (suffix) => {
      const folder = await temporaryFolder();
      const path = join(folder, `rows.csv${suffix}`);
      await writeRows(path, suffix === '.gz');
      const { elements, isExact, bundleCount, bundles } = await sampled('rows', [path]);
      expect(isExact).toBe(false);
      expect(Math.abs(elements / ROWS - 1)).toBeLessThan(0.05);
      // Bundles of 4 MiB, and of the planned ones the last is a part.
      expect(Math.abs(bundleCount - 9)).toBeLessThanOrEqual(2);
      expect(bundles.length).toBeLessThan(bundleCount);
      const limited = await sampled('rows', [path], 150_000);
      expect(limited).toMatchObject({ elements: 150_000 });
      expect(Math.abs(limited.bundleCount - 4)).toBeLessThanOrEqual(1);
    },
  );

  test('is counted in S3 too', async () => {
    await using aws = await startTestAws();
    await aws.createBucket('given');
    for (const name of ['a', 'b']) await aws.store.put({ bucket: 'given', key: `in/${name}.jsonl` }, numbers(1, 2, 3));
    expect(await sampled('numbers', ['s3://given/in/'])).toMatchObject({ elements: 6, isExact: true, bundleCount: 2 });
  });

  test('is nothing where it is empty', async () => {
    const input = await writeIn(await temporaryFolder(), 'rows.csv', HEADER);
    expect(await sampled('rows', [input])).toMatchObject({ elements: 0, isExact: true, bundleCount: 0, bundles: [] });
  });

  test('is as many objects as there are, also of those that stand for themselves', async () => {
    const folder = await temporaryFolder();
    for (let index = 0; index < 5; index += 1) await writeIn(folder, `images/${index}.png`, 'none');
    expect(await sampled('images', [join(folder, 'images')])).toMatchObject({
      elements: 5,
      isExact: true,
      isLoose: false,
    });
    const loose = await sampled('images', [join(folder, 'images/*.png')]);
    expect(loose).toMatchObject({ elements: 5, isExact: true, isLoose: true, bundleCount: 1 });
  });
});

/** More than is planned as a whole, compressed or not: what can't be guessed is not compressed away. */
async function writeRows(path: string, isCompressed: boolean): Promise<void> {
  const file = createWriteStream(path);
  const { promise, resolve } = Promise.withResolvers<void>();
  for (let first = 0; first < ROWS; first += 10_000) {
    const text = Array.from({ length: 10_000 }, (_, index) => row(first + index)).join('');
    const bytes = Buffer.from(first === 0 ? HEADER + text : text);
    // Level 0 keeps it as long as it is.
    file.write(isCompressed ? gzipSync(bytes, { level: 0 }) : bytes);
  }
  file.end(resolve);
  await promise;
}
