import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { defineFabric, map } from 'inference-fabric';
import { describe, expect, test, vi } from 'vitest';
import type * as registry from '../../lib/formats/parts/registry.ts';
import { InferenceEngine } from '../../lib/inference/engine/engine.ts';
import { folderOutput } from '../../lib/jobs/run/folder-output.ts';
import { findInputs } from '../../lib/jobs/run/find-inputs.ts';
import { openJobFolders } from '../../lib/jobs/run/open-job-folders.ts';
import { type JobResult, runJobs } from '../../lib/jobs/run/run-jobs.ts';
import { listJobs } from '../../lib/jobs/report/find-jobs.ts';
import { reportJob } from '../../lib/jobs/report/job-report.ts';
import { openFileObjectStore } from '../../lib/stores/file-object-store.ts';
import { getBytes } from '../../lib/stores/object-store.ts';
import { temporaryFolder, writeIn } from '../temporary-folder.ts';
import { OUTPUT, startFabric } from './redrive/redrive-fabric.ts';
import { contentsBelow, filesBelow, numbers } from './run/run-inputs.ts';

vi.mock(import('../../lib/formats/parts/registry.ts'), async (original) => {
  const { PART_WRITERS } = await original();
  const { toy } = await import('./fixtures/toy-parts.ts');
  // The types of the other formats hold for this one.
  return { PART_WRITERS: { ...PART_WRITERS, toy } } as typeof registry;
});

const parts = { format: 'toy' } as const;

function define(format: string) {
  // A user's configuration can have any name.
  const output = { format } as never;
  return defineFabric({ pipelines: { p: { input: { format: 'jsonl' }, steps: [map(() => 0)], output } } });
}

describe('a format of results that only the registry knows', () => {
  test('is a value of output.format', () => {
    expect(define('toy').pipelines['p']?.output.format).toBe('toy');
    expect(() => define('other')).toThrow("must be 'jsonl' or 'parquet' or 'csv' or 'toy'");
  });

  test('is written, continued and reported by a run on files', async () => {
    const root = await temporaryFolder();
    const input = await writeIn(root, 'n.jsonl', numbers(20, [3, 17]));
    const configUrl = new URL('./fixtures/jobs.config.ts', import.meta.url);
    await using engine = await InferenceEngine.start({ configUrl, pipeline: 'double', workers: 1 });
    const run = async (format: string, existing: 'refuse' | 'resume') => {
      await using output = folderOutput(join(root, format));
      const signal = new AbortController().signal;
      // The format is one of the registry's, as it is while this file runs.
      const pipeline = { ...engine.pipeline, output: { format, join: 'none' } as typeof engine.pipeline.output };
      const options = { output, pipeline, pipelineName: 'double', existing, limit: undefined, signal };
      const inputs = await findInputs([input], 'jsonl');
      const onPart = vi.fn<(note: unknown, resumed: boolean) => void>();
      const results: JobResult[] = [];
      for await (const result of runJobs(openJobFolders(inputs, options), engine, { onPart })) results.push(result);
      return { results, resumed: onPart.mock.calls.filter(([, resumed]) => resumed).length };
    };
    await run('jsonl', 'refuse');
    const { results } = await run('toy', 'refuse');
    const folder = join(root, 'toy/double/n.jsonl');
    const lines = await contentsBelow(join(root, 'jsonl/double/n.jsonl'));
    const paths = Object.keys(lines).map((path) => path.replace(/^(part-.*)\.jsonl$/, '$1.toy'));
    expect(await filesBelow(folder)).toEqual(paths.toSorted());
    for (const [path, text] of Object.entries(lines).filter(([path]) => path.startsWith('part-'))) {
      const part = await readFile(join(folder, path.replace('.jsonl', '.toy')));
      expect(gunzipSync(part).toString()).toBe(text);
      expect(results[0]?.notes.find(({ name }) => name === path.replace('.jsonl', '.toy'))?.bytes).toBe(part.length);
    }
    const of = results[0]?.job.of;
    expect(await run('toy', 'resume')).toMatchObject({ resumed: of });
    const output = { store: openFileObjectStore(join(root, 'toy')), bucket: 'double' };
    const [listed] = await listJobs('', output);
    expect(listed && (await reportJob(listed.recorded, listed.parts, output))).toMatchObject({
      status: 'complete',
      parts: { done: of, of },
    });
  });

  test('is redriven: its parts are read back and merged', async () => {
    await using fabric = await startFabric();
    const text = Array.from(
      { length: 16 },
      (_, n) => `${JSON.stringify({ n, error: n % 3 === 1 ? 'Late' : undefined })}\n`,
    );
    const contents = async (...broken: readonly string[]) => {
      const pipeline = await fabric.open('numbers', broken.length === 0 ? undefined : parts);
      await fabric.breaks(...broken);
      const recorded = await pipeline.job(broken.length === 0 ? 'fresh' : 'toyed', text.join(''));
      await pipeline.run(recorded);
      await fabric.breaks();
      if (broken.length > 0) expect((await pipeline.redrive(recorded)).counts).toMatchObject({ total: 16, failed: 0 });
      const found: Record<string, string> = {};
      for await (const { key } of fabric.store.list(OUTPUT, `${recorded.folder}/part-`)) {
        const bytes = (await getBytes(fabric.store, { bucket: OUTPUT, key })) ?? new Uint8Array();
        const name = key.slice(recorded.folder.length + 1);
        found[name] = (name.endsWith('.toy') ? gunzipSync(bytes) : Buffer.from(bytes)).toString();
      }
      return found;
    };
    const fresh = await contents();
    const redriven = await contents('Late');
    expect(redriven).toEqual(
      Object.fromEntries(
        Object.entries(fresh).map(([name, lines]) => [
          name.replace('.jsonl', '.toy'),
          lines.replaceAll('fresh', 'toyed'),
        ]),
      ),
    );
    expect(Object.keys(redriven).length).toBeGreaterThan(1);
  });
});
