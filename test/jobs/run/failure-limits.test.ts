import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { OutcomeChunk } from '../../../lib/inference/bundle.ts';
import { FailureWatch } from '../../../lib/jobs/run/failure-watch.ts';
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

  test.each([
    ['maxFailures', 'whole', 10, 3, "3 elements failed: 'maxFailures' is 2"],
    ['maxFailureRatio', 'whole-rated', 1200, 400, "400 of 1,200 elements failed: 'maxFailureRatio' is 0.25"],
  ] as const)('is stopped past %s also by its only bundle', async (_limit, pipeline, count, bad, reason) => {
    const root = await temporaryFolder();
    const input = await writeIn(root, 'a.jsonl', numbers(count, [...Array(bad).keys()]));
    const { jobs } = await run(pipeline, [input], { output: join(root, 'out') });
    expect(jobs).toMatchObject([{ status: 'stopped', reason }]);
    const folder = join(root, 'out', pipeline, 'a.jsonl');
    expect(await manifestIn(folder)).toMatchObject({
      status: 'stopped',
      reason,
      counts: { total: count, failed: bad },
    });
    expect(await filesBelow(folder)).not.toContain('_SUCCESS');
  });

  test('is stopped past maxFailures also by its last bundle', async () => {
    const root = await temporaryFolder();
    const input = await writeIn(root, 'a.jsonl', numbers(40, [0, 38, 39]));
    const { jobs } = await run('strict', [input], { output: join(root, 'out') });
    expect(jobs[0]).toMatchObject({ status: 'stopped' });
    expect(jobs[0]?.notes).toHaveLength(jobs[0]?.job.of ?? 0);
  });

  test('is complete where no more than maxFailures have failed', async () => {
    const root = await temporaryFolder();
    const input = await writeIn(root, 'a.jsonl', numbers(40, [5, 35]));
    const { jobs } = await run('strict', [input], { output: join(root, 'out') });
    expect(jobs[0]?.status).toBe('complete');
    expect(await filesBelow(join(root, 'out/strict/a.jsonl'))).toContain('_SUCCESS');
  });
});

/** The numbers from 0 to below `count`. */
function all(count: number): readonly number[] {
  return [...Array(count).keys()];
}

describe('a job whose first 1,000 elements all fail for one reason', () => {
  test('is stopped, also in the midst of a bundle, and says the reason', async () => {
    const root = await temporaryFolder();
    const input = await writeIn(root, 'a.jsonl', numbers(20_000, all(20_000)));
    const { jobs } = await run('plain', [input], { output: join(root, 'out') });
    expect(jobs[0]).toMatchObject({
      status: 'stopped',
      reason: 'the first 1,000 elements all failed at map: RangeError: no 0, please (the first of them)',
      notes: [],
    });
    const { total = 0, failed } = jobs[0]?.cutOff ?? {};
    expect(total).toBeGreaterThanOrEqual(1000);
    expect(total).toBeLessThan(20_000);
    expect(failed).toBe(total);
    const folder = join(root, 'out/plain/a.jsonl');
    expect(await manifestIn(folder)).toMatchObject({ status: 'stopped', reason: jobs[0]?.reason });
    expect(await filesBelow(folder)).toEqual(['_job.json', '_manifest.json']);
  });

  test.each([
    ['fewer than 1,000 fail', 'roomy', 999, all(999)],
    ['one succeeds', 'roomy', 1500, all(1500).filter((n) => n !== 700)],
    ["'maxFailureRatio' is 1", 'patient', 1500, all(1500)],
  ] as const)('is run to its end where %s', async (_what, pipeline, count, bad) => {
    const root = await temporaryFolder();
    const input = await writeIn(root, 'a.jsonl', numbers(count, bad));
    const { jobs } = await run(pipeline, [input], { output: join(root, 'out') });
    expect(jobs[0]).toMatchObject({ status: 'complete' });
    expect(await manifestIn(join(root, 'out', pipeline, 'a.jsonl'))).toMatchObject({ counts: { total: count } });
  });
});

/** A chunk of failures, as an engine gives it: a stage, a name and a message each. */
function failures(...lines: readonly (readonly [stage: string, name: string, message: string])[]): OutcomeChunk {
  const texts = lines.map(([stage, name, message], index) =>
    JSON.stringify({ id: `n#${index}`, stage, error: { name, message }, attempts: 1, input: {}, source: {} }),
  );
  const failed: Record<string, number> = {};
  for (const [stage] of lines) failed[stage] = (failed[stage] ?? 0) + 1;
  const errors = new TextEncoder().encode(texts.map((text) => `${text}\n`).join(''));
  return { results: new Uint8Array(), errors, elements: lines.length, succeeded: 0, failed, models: {} };
}

/** A failure of `failures`. */
function line(message: string, name = 'TypeError', stage = 'map') {
  return [stage, name, message] as const;
}

describe('FailureWatch', () => {
  /** Returns what a watch reports for 500 failures of each of two kinds. */
  function watched(one: ReturnType<typeof line>, other: ReturnType<typeof line>): string | undefined {
    const watch = new FailureWatch({});
    let said: string | undefined;
    for (let index = 0; index < 10; index += 1)
      said ??= watch.add(failures(...Array.from({ length: 100 }, (_, place) => (place % 2 === 0 ? one : other))));
    return said;
  }

  test.each([
    ['the same message', line('no field'), line('no field'), 'TypeError: no field'],
    ['other messages of one error', line('no field a'), line('nothing'), 'TypeError: no field a (the first of them)'],
    [
      'messages of a general name that differ by the element',
      line("no 'a'", 'Error'),
      line("no 'b'", 'Error'),
      "Error: no 'a' (the first of them)",
    ],
    ['messages of a general name that differ', line('no field', 'Error'), line('no row', 'Error'), undefined],
    ['two errors', line('no field'), line('no field', 'RangeError'), undefined],
    ['two stages', line('no field'), line('no field', 'TypeError', 'read'), undefined],
  ] as const)('takes %s as one reason or not', (_what, one, other, reason) => {
    const sentence = reason && `the first 1,000 elements all failed at map: ${reason}`;
    expect(watched(one, other)).toBe(sentence);
  });

  test('counts no more than once, and nothing after a success', () => {
    const thousand = failures(...Array.from({ length: 1000 }, () => line('no')));
    const watch = new FailureWatch({});
    expect(watch.add(thousand)).toContain('all failed');
    expect(watch.add(thousand)).toBeUndefined();
    const resumed = new FailureWatch({});
    resumed.addPart({ succeeded: 1 });
    expect(resumed.add(thousand)).toBeUndefined();
    expect(new FailureWatch({ maxFailureRatio: 1 }).add(thousand)).toBeUndefined();
  });
});
