import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { InferenceEngine } from '../../lib/inference/engine/engine.ts';
import type { Job } from '../../lib/jobs/job.ts';
import { manifestOf } from '../../lib/jobs/manifest.ts';
import type { PartNote } from '../../lib/jobs/part-note.ts';
import { findInputs } from '../../lib/jobs/run/find-inputs.ts';
import { folderOutput } from '../../lib/jobs/run/folder-output.ts';
import { openJobFolders } from '../../lib/jobs/run/open-job-folders.ts';
import { runJobs } from '../../lib/jobs/run/run-jobs.ts';
import { hasCuda } from '../models/has-cuda.ts';
import { temporaryFolder, writeIn } from '../temporary-folder.ts';
import { manifestIn } from './run/run-inputs.ts';

// What a manifest takes over as it is.
const job = { id: 'j', pipeline: 'p', source: { uri: 'in.jsonl' }, config: 'c' } as unknown as Job;
const note: PartNote = {
  job: 'j',
  name: 'part-00000-of-00002.jsonl',
  elements: 1,
  bytes: 10,
  succeeded: 1,
  failedByStage: {},
  models: { abc: 'abcdef' },
  elapsedMillis: 1,
};

describe('manifestOf', () => {
  test('names all that a model ran on, of whatever machines its parts are', () => {
    const { models, providers } = manifestOf(job, { status: 'complete' }, [
      { ...note, providers: { abc: ['tensorrt+cuda'] } },
      { ...note, providers: { abc: ['cuda'], def: ['cuda'] } },
      note,
      { ...note, providers: { abc: ['cuda'] } },
    ]);
    expect(providers).toEqual({ abc: ['cuda', 'tensorrt+cuda'], def: ['cuda'] });
    expect(models).toEqual({ abc: 'abcdef' });
  });

  test('sums the tokens that were counted', () => {
    const usage = { inputTokens: 10, cachedInputTokens: 4, outputTokens: 3, reasoningTokens: 1 };
    const { usage: sum } = manifestOf(job, { status: 'complete' }, [{ ...note, usage }, note, { ...note, usage }]);
    expect(sum).toEqual({ inputTokens: 20, cachedInputTokens: 8, outputTokens: 6, reasoningTokens: 2 });
    expect(manifestOf(job, { status: 'complete' }, [note])).not.toHaveProperty('usage');
  });

  test('sums the measures of its parts, where they have any', () => {
    const measures = {
      batchSizes: [1, 2],
      inferenceSecs: 0.1,
      waitSecs: 0.2,
      loadSecs: 0,
      retries: 1,
      firstAt: 5,
      lastAt: 9,
    };
    const later = { ...measures, batchSizes: [0, 0, 4], padding: { share: 0.5, batches: 2 }, firstAt: 7, lastAt: 30 };
    const notes = [{ ...note, measures }, note, { ...note, measures: later }];
    expect(manifestOf(job, { status: 'complete' }, notes).measures).toEqual({
      batchSizes: [1, 2, 4],
      inferenceSecs: 0.2,
      waitSecs: 0.4,
      loadSecs: 0,
      padding: { share: 0.5, batches: 2 },
      retries: 2,
      firstAt: 5,
      lastAt: 30,
    });
    expect(manifestOf(job, { status: 'complete' }, [note])).not.toHaveProperty('measures');
  });

  test('says nothing of it where no model asked for a device', () => {
    expect(manifestOf(job, { status: 'complete' }, [note, note])).not.toHaveProperty('providers');
  });
});

test.skipIf(hasCuda())(
  "a job's manifest says that a model that asked for a GPU ran on the CPU; its lines say no more than ever",
  async () => {
    const configUrl = new URL('../inference/fixtures/device.config.ts', import.meta.url);
    const folder = await temporaryFolder();
    const rows = Array.from({ length: 6 }, (_, row) =>
      JSON.stringify({ x: Array.from({ length: 30 }, () => row / 6) }),
    );
    const input = await writeIn(folder, 'rows.jsonl', rows.join('\n'));
    const manifests = [];
    for (const name of ['cpu', 'fallback']) {
      await using engine = await InferenceEngine.start({ configUrl, pipeline: name, workers: 1 });
      const { signal } = new AbortController();
      const common = {
        output: folderOutput(folder),
        pipeline: engine.pipeline,
        pipelineName: name,
        existing: 'refuse',
      } as const;
      const inputs = await findInputs([input], 'jsonl');
      await Array.fromAsync(
        runJobs(openJobFolders(inputs, { ...common, limit: undefined, signal }), engine, { signal }),
      );
      manifests.push(await manifestIn(join(folder, name, 'rows.jsonl')));
    }
    const [onCpu, fallback] = manifests;
    const [model = ''] = Object.keys(onCpu?.models ?? {});
    expect(fallback?.models).toEqual(onCpu?.models);
    expect(fallback?.parts).toEqual(onCpu?.parts);
    expect(fallback?.providers).toEqual({ [model]: ['cpu'] });
    expect(onCpu).not.toHaveProperty('providers');
  },
);
