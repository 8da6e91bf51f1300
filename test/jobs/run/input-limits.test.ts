import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { defineFabric } from '../../../lib/config/fabric.ts';
import type { PipelineInput } from '../../../lib/config/pipeline.ts';
import { map } from '../../../lib/config/steps.ts';
import { findInputs } from '../../../lib/jobs/run/find-inputs.ts';
import { openJobFolders } from '../../../lib/jobs/run/open-job-folders.ts';
import { openOutput } from '../../../lib/jobs/run/open-output.ts';
import type { RejectedInput } from '../../../lib/jobs/run/reject-input.ts';
import { startTestAws, type TestAws } from '../../embedded-aws.ts';
import { temporaryFolder, writeIn } from '../../temporary-folder.ts';
import { filesBelow } from './run-inputs.ts';

const LINES = 'abc\n'.repeat(1000);
const FILES = { 'a.txt': LINES, 'b.txt.gz': gzipSync(LINES), 'c.txt.zst': zstdCompressSync(LINES) };

let aws: TestAws;
beforeAll(async () => {
  aws = await startTestAws();
  for (const bucket of ['given', 'results']) await aws.createBucket(bucket);
  for (const [name, content] of Object.entries(FILES))
    await aws.store.put({ bucket: 'given', key: `in/${name}` }, content);
});
afterAll(() => aws[Symbol.asyncDispose]());

/** Plans all inputs. @returns the names of those that are jobs, and the others */
async function plan(input: string, to: string, limits: Partial<PipelineInput>, existing: 'refuse' | 'resume') {
  const definition = { input: { format: 'text', ...limits } as const, steps: [map((line: string) => line)] };
  const { lines: pipeline } = defineFabric({ pipelines: { lines: definition } }).pipelines;
  if (pipeline === undefined) throw new Error('there is no such pipeline');
  await using output = await openOutput(to);
  const rejected: RejectedInput[] = [];
  const jobs = openJobFolders(await findInputs([input], 'text'), {
    output,
    pipeline,
    pipelineName: 'lines',
    existing,
    limit: undefined,
    signal: new AbortController().signal,
    onRejected: (one) => void rejected.push(one),
  });
  const names = (await Array.fromAsync(jobs)).map(({ job }) => job.name);
  return { names, rejected: rejected.map(({ input: uri, reason }) => [uri.split('/').at(-1), reason]) };
}

describe.each(['files', 'S3'])('limits of compressed inputs: %s', (where) => {
  async function places(): Promise<readonly [input: string, output: string]> {
    if (where === 'S3') return ['s3://given/in/', `s3://results/${crypto.randomUUID()}`];
    const folder = await temporaryFolder();
    for (const [name, content] of Object.entries(FILES)) await writeIn(folder, `in/${name}`, content);
    return [join(folder, 'in'), join(folder, 'out')];
  }

  test.each([
    [{ maxUncompressedBytes: 3999 }, "more than 3999 uncompressed bytes, the limit of 'input.maxUncompressedBytes'"],
    [{ maxElements: 999 }, "more than 999 elements, the limit of 'input.maxElements'"],
  ])('reject by name what is above %j, and --resume goes on once the limit is raised', async (limits, reason) => {
    const [input, output] = await places();
    const message = expect.stringContaining(reason);
    expect(await plan(input, output, limits, 'refuse')).toEqual({
      names: ['a.txt'],
      rejected: [
        ['b.txt.gz', message],
        ['c.txt.zst', message],
      ],
    });
    if (where === 'files') {
      const staged = (await filesBelow(output)).filter((path) => path.includes('chunks'));
      expect(staged).toEqual([]);
    }
    const raised = { maxUncompressedBytes: 4000, maxElements: 1000 };
    expect(await plan(input, output, raised, 'resume')).toEqual({ names: Object.keys(FILES), rejected: [] });
  });
});
