import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { partWriter } from '../../lib/formats/parts/part-formats.ts';
import type { PartFormat } from '../../lib/formats/parts/part-writer.ts';
import { readLines } from '../../lib/formats/parts/read-lines.ts';
import { openFileObjectStore } from '../../lib/stores/file-object-store.ts';
import type { ObjectStore } from '../../lib/stores/object-store.ts';
import { temporaryFolder, writeIn } from '../temporary-folder.ts';
import { OUTPUT, startFabric } from './redrive/redrive-fabric.ts';
import { inputRunner, numbers } from './run/run-inputs.ts';

const FORMATS: readonly (readonly [name: string, parts: PartFormat])[] = [
  ['parquet', { format: 'parquet', join: 'input', schema: 'double', compression: 'zstd' }],
  ['parquet without a type', { format: 'parquet', join: 'input' }],
  ['csv', { format: 'csv', join: 'input', schema: 'double' }],
];

/** Returns the lines of the parts in a folder, by the parts' names without their suffixes. */
async function linesOfParts(
  { store, bucket, folder }: { readonly store: ObjectStore; readonly bucket: string; readonly folder: string },
  format: PartFormat,
): Promise<Readonly<Record<string, readonly string[]>>> {
  const writer = partWriter(format);
  const { suffix } = writer;
  const found: Record<string, readonly string[]> = {};
  for await (const { key } of store.list(bucket, `${folder}/part-`)) {
    expect(key.endsWith(suffix)).toBe(true);
    const object = await store.get({ bucket, key });
    found[key.slice(folder.length + 1, -suffix.length)] = await Array.fromAsync(
      format.format === 'jsonl'
        ? readLines(object?.chunks ?? [])
        : writer.readLines(object?.chunks ?? emptyPart(), format),
    );
  }
  return found;
}

async function* emptyPart(): AsyncGenerator<Uint8Array> {}

describe.each(FORMATS)('parts of %s', (_, parts) => {
  test('of a redriven job have the rows of a job that did not fail, in the same order', async () => {
    await using fabric = await startFabric();
    const text = Array.from(
      { length: 16 },
      (_, n) => `${JSON.stringify({ n, error: n % 3 === 1 ? 'Late' : undefined })}\n`,
    );
    const rows = async (format: PartFormat, broken: readonly string[]) => {
      const pipeline = await fabric.open('numbers', format.format === 'jsonl' ? undefined : format);
      await fabric.breaks(...broken);
      const recorded = await pipeline.job(broken.length === 0 ? 'fresh' : 'tables', text.join(''));
      await pipeline.run(recorded);
      await fabric.breaks();
      if (broken.length > 0) expect((await pipeline.redrive(recorded)).counts).toMatchObject({ total: 16, failed: 0 });
      return linesOfParts({ store: fabric.store, bucket: OUTPUT, folder: recorded.folder }, format);
    };
    const fresh = await rows({ format: 'jsonl' }, []);
    const redriven = await rows(parts, ['Late']);
    const renamed = JSON.parse(JSON.stringify(fresh).replaceAll('fresh', 'tables')) as typeof fresh;
    expect(redriven).toEqual(renamed);
    expect(Object.keys(redriven).length).toBeGreaterThan(1);
  });
});

describe('parts of a pipeline with output.format parquet', () => {
  const run = inputRunner();

  test('are the same lines as JSON Lines, also of a job that was continued', async () => {
    const root = await temporaryFolder();
    const input = await writeIn(root, 'n.jsonl', numbers(40, [7]));
    const [tables, lines] = [join(root, 'tables'), join(root, 'lines')];
    await run('double', [input], { output: lines });
    const stop = new AbortController();
    const parts: string[] = [];
    const stopped = run('double-table', [input], {
      output: tables,
      signal: stop.signal,
      onPart: ({ name }) => {
        parts.push(name);
        if (parts.length === 3) stop.abort(new Error('stopped'));
      },
    });
    await expect(stopped).rejects.toThrow('stopped');
    const { jobs } = await run('double-table', [input], { output: tables, existing: 'resume' });
    expect(jobs[0]?.status).toBe('complete');
    const format = { format: 'parquet', schema: 'double', join: 'none' } as const;
    const written = await linesOfParts(
      { store: openFileObjectStore(tables), bucket: 'double-table', folder: 'n.jsonl' },
      format,
    );
    const expected = await linesOfParts(
      { store: openFileObjectStore(lines), bucket: 'double', folder: 'n.jsonl' },
      { format: 'jsonl' },
    );
    expect(written).toEqual(expected);
    expect(Object.keys(written).length).toBeGreaterThan(5);
  });
});
