import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { filesBelow, inputRunner, manifestIn, numbers } from './run-inputs.ts';
import { temporaryFolder, writeIn } from '../../temporary-folder.ts';

const run = inputRunner();

describe('a job past its failure limits', () => {
  test('is stopped past maxFailures: no more bundles, a manifest that says so, no _SUCCESS', async () => {
    const root = await temporaryFolder();
    const input = await writeIn(root, 'a.jsonl', numbers(400, [...Array(400).keys()]));
    const output = join(root, 'out');
    const { jobs } = await run('strict', [input], { output });
    expect(jobs.map(({ status }) => status)).toEqual(['stopped']);
    const folder = join(output, 'strict/a.jsonl');
    const { status, counts } = await manifestIn(folder);
    expect(status).toBe('stopped');
    expect(counts.failed).toBeGreaterThan(2);
    expect(counts.failed).toBeLessThan(40);
    expect(await filesBelow(folder)).not.toContain('_SUCCESS');
  });

  test('is stopped past maxFailureRatio once there is enough to go by', async () => {
    const root = await temporaryFolder();
    const even = Array.from({ length: 2000 }, (_, index) => index * 2);
    const input = await writeIn(root, 'a.jsonl', numbers(4000, even));
    const { jobs } = await run('rated', [input], { output: join(root, 'out') });
    expect(jobs[0]?.status).toBe('stopped');
    const few = await writeIn(root, 'few.jsonl', numbers(200, even));
    const { jobs: fine } = await run('rated', [few], { output: join(root, 'out') });
    expect(fine[0]?.status).toBe('complete');
  });

  test('is complete where no more than maxFailures have failed', async () => {
    const root = await temporaryFolder();
    const input = await writeIn(root, 'a.jsonl', numbers(40, [5, 35]));
    const { jobs } = await run('strict', [input], { output: join(root, 'out') });
    expect(jobs[0]?.status).toBe('complete');
    expect(await filesBelow(join(root, 'out/strict/a.jsonl'))).toContain('_SUCCESS');
  });
});
