import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FabricError } from '../../../lib/errors.ts';
import { InferenceEngine } from '../../../lib/inference/engine/engine.ts';
import { folderOutput } from '../../../lib/jobs/run/folder-output.ts';
import { inputId, planJob } from '../../../lib/jobs/run/plan-job.ts';
import type { RunInput } from '../../../lib/jobs/run/run-input.ts';
import { runJobs } from '../../../lib/jobs/run/run-jobs.ts';
import type { JobOutput } from '../../../lib/jobs/run/run-output.ts';
import { reasonWithout } from '../../../lib/jobs/run/unreadable-input.ts';
import { temporaryFolder, writeIn } from '../../temporary-folder.ts';
import { filesBelow, manifestIn, numbers } from './run-inputs.ts';

let engine: InferenceEngine;
beforeAll(async () => {
  const configUrl = new URL('../fixtures/jobs.config.ts', import.meta.url);
  engine = await InferenceEngine.start({ configUrl, pipeline: 'double', workers: 1 });
});
afterAll(() => engine[Symbol.asyncDispose]());

test('a source that can not be read in mid-run costs its own job alone', async () => {
  const root = await temporaryFolder();
  const output = folderOutput(join(root, 'out'));
  const names = ['a.jsonl', 'b.jsonl', 'c.jsonl'];
  const inputs = names.map((name): RunInput => ({ kind: 'object', uri: join(root, name), name }));
  for (const { uri, name } of inputs) {
    if (name === 'b.jsonl') await mkdir(uri);
    else await writeIn(root, name, numbers(20));
  }
  const options = { pipeline: engine.pipeline, pipelineName: 'double', chunkPath: () => '' };
  async function* outputs(): AsyncGenerator<JobOutput> {
    for (const input of inputs) {
      // As if it had become a folder once it was planned.
      const [first = input] = inputs;
      const job = await planJob(input.name === 'b.jsonl' ? first : input, options);
      const own = { id: await inputId(input, options), name: input.name, source: { uri: input.uri } };
      yield await output.record({ ...job, ...own }, `double/${input.name}`);
    }
  }
  const ended = await Array.fromAsync(runJobs(outputs(), engine));
  expect(Object.fromEntries(ended.map(({ job, status }) => [job.name, status]))).toEqual({
    'a.jsonl': 'complete',
    'b.jsonl': 'incomplete',
    'c.jsonl': 'complete',
  });
  expect(await filesBelow(join(root, 'out/double/b.jsonl'))).toEqual(['_job.json', '_manifest.json']);
  expect(await manifestIn(join(root, 'out/double/b.jsonl'))).toMatchObject({
    status: 'incomplete',
    counts: { total: 0 },
  });
});

describe('reasonWithout', () => {
  const uri = 's3://bucket/a: b.csv';

  test.each([
    [`Cannot read ${uri}: there is no such object`, 'there is no such object'],
    [`Cannot read ${uri} in version v1: it was replaced`, 'it was replaced'],
    [`Cannot read ${uri} from byte 12: TimeoutError: slow`, 'TimeoutError: slow'],
    [`Cannot look at ${uri}: 403: UnknownError (status 403)`, '403: UnknownError (status 403)'],
    ['Cannot read the header: column 2 has no name', 'Cannot read the header: column 2 has no name'],
    [`Cannot read s3://bucket/other: no`, `Cannot read s3://bucket/other: no`],
  ])('leaves of %s what does not name the input', (message, reason) => {
    expect(reasonWithout(uri, new FabricError('CODE', message))).toBe(reason);
  });
});
