import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { expectOnlyFailures, runBundle } from './run-bundle.ts';
import { sharedEngines, startEngine } from './start-engine.ts';
import type { Troubled } from './fixtures/trouble.config.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const engineOf = sharedEngines('trouble');

/** Numbers from 0, with trouble at one place. */
function numbers(count: number, place: number, trouble: Exclude<Troubled['trouble'], undefined>): Troubled[] {
  return Array.from({ length: count }, (_, n) => (n === place ? { n, trouble } : { n }));
}

const doubled = (n: number): number => 2 * n;

describe('an element that a model host cannot infer on', () => {
  test('fails alone, with its own error, after its batch was bisected', async () => {
    const folder = await temporaryFolder();
    vi.stubEnv('FABRIC_TEST_FOLDER', folder);
    await using engine = await startEngine('trouble', 'witness');
    const { outcomes } = await runBundle(engine, numbers(64, 37, 'throw'));
    const [failure] = expectOnlyFailures(outcomes, [37], (n) => n);
    expect(failure).toMatchObject({
      stage: 'inference',
      error: { name: 'UnluckyNumberError', message: 'no luck with 37' },
      input: { n: 37, trouble: 'throw' },
      attempts: 7,
    });
    // Once whole, and at each of six halvings both halves: 1 + 2 · log2(64) runs.
    const batches = (await readFile(join(folder, 'batches'), 'utf8')).trim().split('\n').map(Number);
    expect(batches).toHaveLength(13);
    expect(batches.reduce((sum, size) => sum + size, 0)).toBe(64 + 64 + 32 + 16 + 8 + 4 + 2);
  });

  test('fails alone when several of a batch do', async () => {
    const unlucky = [0, 13, 14, 63];
    const elements = Array.from({ length: 64 }, (_, n) => (unlucky.includes(n) ? { n, trouble: 'throw' } : { n }));
    const { outcomes } = await runBundle(await engineOf('patient'), elements);
    const failures = expectOnlyFailures(outcomes, unlucky, doubled);
    expect(failures.map(({ error }) => error?.message)).toEqual(unlucky.map((n) => `no luck with ${n}`));
  });

  test.each([
    ['throws what is no error', 'throw-string', { name: 'Error', message: 'just a string' }],
    ['gives a result that cannot leave the host', 'uncloneable', { name: 'Error' }],
    ['gives a result that is nested too deeply', 'nest', { name: 'NestingError' }],
    ['aborts the process', 'abort', { name: 'ModelHostCrashedError', message: expect.stringContaining('SIGABRT') }],
    ['exits the process', 'exit', { name: 'ModelHostCrashedError', message: expect.stringContaining('status 3') }],
    [
      'throws from a timer',
      'reject-later',
      { name: 'ModelHostCrashedError', message: expect.stringContaining('nobody waits') },
    ],
    ['is killed by the kernel', 'kill', { name: 'OutOfMemoryError', message: expect.stringContaining('SIGKILL') }],
  ] as const)('fails alone when it %s', async (_, trouble, error) => {
    const { outcomes } = await runBundle(await engineOf('patient'), numbers(4, 2, trouble));
    const [failure] = expectOnlyFailures(outcomes, [2], doubled);
    expect(failure).toMatchObject({ stage: 'inference', error });
    expect(failure?.attempts).toBeGreaterThanOrEqual(3);
  });

  test.each([
    ['spins for ever', 'spin'],
    ['never answers', 'never'],
  ] as const)('fails alone with a TimeoutError when it %s', async (_, trouble) => {
    const { outcomes } = await runBundle(await engineOf('hasty'), numbers(12, 6, trouble));
    const [failure] = expectOnlyFailures(outcomes, [6], doubled);
    expect(failure).toMatchObject({ stage: 'inference', error: { name: 'TimeoutError' }, attempts: 3 });
  });

  test("is tried until it succeeds where 'onTimeout' is 'retry'", async () => {
    vi.stubEnv('FABRIC_TEST_FOLDER', await temporaryFolder());
    await using engine = await startEngine('trouble', 'stubborn');
    const { outcomes } = await runBundle(engine, numbers(1, 0, 'spin-once'));
    expectOnlyFailures(outcomes, [], doubled);
    expect(engine.metrics.counter('failed_batches_counter')).toBe(1);
  });
});

test('what a handler prints while it infers, however much, harms nothing and reaches the log', async () => {
  const lines: string[] = [];
  await using engine = await startEngine('trouble', 'patient', { onOutput: (line) => void lines.push(line) });
  const { outcomes } = await runBundle(engine, numbers(100, 31, 'print'));
  expectOnlyFailures(outcomes, [], doubled);
  expect(lines.filter((line) => line.includes('xxx'))).toHaveLength(2);
  expect(engine.metrics.counter('failed_batches_counter')).toBe(0);
});

describe('a handler with another number of results than elements', () => {
  test.each([
    ['too many', 1],
    ['too few', -1],
  ])('loses nothing: the elements that give %s fail', async (_, extra) => {
    const elements = Array.from({ length: 40 }, (_, n) => (n === 5 || n === 30 ? { n, extra } : { n }));
    const { outcomes } = await runBundle(await engineOf('miscounter'), elements);
    const failures = expectOnlyFailures(outcomes, [5, 30], (n) => n);
    for (const failure of failures) {
      expect(failure).toMatchObject({ stage: 'inference', error: { name: 'ResultCountError' } });
      expect(failure.error?.message).toContain(`got ${1 + extra} for 1`);
    }
  });
});

describe('a batch that is too large for memory', () => {
  test.each([
    ['says so', 'out-of-memory', 64],
    ['is killed by the kernel', 'killed-for-memory', 16],
  ])('is halved when it %s, and the size that fits is remembered', async (_, pipeline, count) => {
    await using engine = await startEngine('trouble', pipeline);
    const elements = Array.from({ length: count }, (_, n) => ({ n }));
    const { outcomes } = await runBundle(engine, elements);
    expectOnlyFailures(outcomes, [], (n) => n);
    const failed = engine.metrics.counter('failed_batches_counter');
    expect(failed).toBeGreaterThan(0);

    const more = Array.from({ length: 320 }, (_, n) => ({ n }));
    expectOnlyFailures((await runBundle(engine, more)).outcomes, [], (n) => n);
    expect(engine.metrics.counter('failed_batches_counter')).toBe(failed);
    expect(engine.metrics.distribution('inference_request_batch_size')?.max).toBe(8);
  });
});

test('a batch that is too slow is halved, and the size that is through in time is remembered, with a warning', async () => {
  const warnings: string[] = [];
  await using engine = await startEngine('trouble', 'plodder', { onWarning: (message) => void warnings.push(message) });
  const elements = Array.from({ length: 100 }, (_, n) => ({ n }));
  expectOnlyFailures((await runBundle(engine, elements)).outcomes, [], (n) => n);
  expect(engine.metrics.counter('failed_batches_counter')).toBe(1);
  expect(engine.metrics.distribution('inference_request_batch_size')?.max).toBe(8);
  expect(warnings).toEqual([expect.stringMatching(/15 elements took longer than 'timeoutSecs' \(0.5 s\).*at most 8/)]);
});

test('results that are all undefined are null, with a warning', async () => {
  const warnings: string[] = [];
  await using engine = await startEngine('trouble', 'forgetful', {
    onWarning: (message) => void warnings.push(message),
  });
  const elements = Array.from({ length: 10 }, (_, n) => ({ n }));
  expectOnlyFailures((await runBundle(engine, elements)).outcomes, [], () => null);
  expect(warnings).toEqual([expect.stringContaining('gave undefined for all of the first')]);
});
