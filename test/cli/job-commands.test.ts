import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { main } from '../../cli/main.ts';
import { Finalizer } from '../../lib/jobs/finalizing/finalizer.ts';
import { recordJob, type RecordedJob } from '../../lib/jobs/job-record.ts';
import { folderNoteKey } from '../../lib/jobs/output-layout.ts';
import type { MessageQueue } from '../../lib/stores/message-queue.ts';
import { SILENT } from '../../lib/telemetry/telemetry.ts';
import { startTestAws, type TestAws } from '../embedded-aws.ts';
import { deadlineOf, memoryQueue } from '../jobs/memory-ports.ts';
import { commitBundle, type End, failed, finalizeMessage, jobOf, PIPELINE, received } from '../jobs/stored-job.ts';
import { type Ended, filesBelow, run } from './run-fabric.ts';
import { temporaryFolder, writeIn } from '../temporary-folder.ts';

const BUCKET = 'results';
const ADDRESS = `s3://${BUCKET}/${PIPELINE}`;

let aws: TestAws;
let queues: Record<'bundles' | 'finalizer', MessageQueue & { readonly url: string }>;
beforeAll(async () => {
  aws = await startTestAws();
  await aws.createBucket(BUCKET);
  queues = { bundles: await aws.createQueue('bundles'), finalizer: await aws.createQueue('finalizer') };
});
afterAll(() => aws[Symbol.asyncDispose]());

const output = () => ({ store: aws.store, bucket: BUCKET });

/** A job in S3 whose bundles ended so; of one that is not there, there is no part. */
async function storedJob(name: string, bundles: readonly (readonly End[] | undefined)[]): Promise<RecordedJob> {
  const urls = { bundles: queues.bundles.url, finalizer: queues.finalizer.url };
  const recorded = await recordJob(jobOf(bundles.length, name), output(), { queues: urls });
  for (const [bundle, ends] of bundles.entries())
    if (ends !== undefined) await commitBundle(recorded, bundle, ends, { output: output() });
  return recorded;
}

async function finalize({ job }: RecordedJob, redrive = false): Promise<void> {
  const finalizer = new Finalizer({
    output: output(),
    telemetry: SILENT,
    now: Date.now,
    queue: memoryQueue(),
    pipelines: { [PIPELINE]: { facts: {}, deadLetters: memoryQueue() } },
    notify: () => Promise.resolve(),
  });
  await finalizer.process(received(finalizeMessage(job, { until: 0, redrive })), deadlineOf());
}

/** The next message about a job. */
async function messageOf({ job }: RecordedJob): Promise<unknown> {
  for (;;) {
    const [message] = await queues.bundles.receive({ maxMessages: 1, waitSecs: 5 });
    if (message === undefined) throw new Error('there is no message');
    await queues.bundles.delete(message.receiptHandle);
    const body = JSON.parse(message.body) as { readonly job: string };
    if (body.job === job.id) return body;
  }
}

type Printed = Pick<Ended, 'status' | 'stdout' | 'stderr'>;

/** Runs a command in this process, which has the SDK already. */
async function fabric(args: readonly string[]): Promise<Printed> {
  const printed = { stdout: '', stderr: '' };
  const log = vi.spyOn(console, 'log').mockImplementation((text) => void (printed.stdout += `${text}\n`));
  const error = vi.spyOn(console, 'error').mockImplementation((text) => void (printed.stderr += `${text}\n`));
  try {
    await main(['node', 'fabric', ...args]);
    return { ...printed, status: Number(process.exitCode) };
  } finally {
    process.exitCode = undefined;
    log.mockRestore();
    error.mockRestore();
  }
}

/** Expects one clear line on stderr and nothing else. */
function complaint({ status, stdout, stderr }: Printed, expected = 2): string {
  expect(stderr).toMatch(/^fabric: [^\n]*\n$/);
  expect({ status, stdout }).toEqual({ status: expected, stdout: '' });
  return stderr.slice('fabric: '.length, -1);
}

/** What a command prints with `--json`. */
async function json(args: readonly string[], expected = 0): Promise<unknown> {
  const { status, stdout, stderr } = await fabric([...args, '--json']);
  expect({ status, stderr }).toEqual({ status: expected, stderr: '' });
  return JSON.parse(stdout) as unknown;
}

const FAILING: readonly (readonly End[])[] = [
  ['a', failed('map', 'RangeError')],
  [failed('inference', 'TimeoutError'), failed('inference', 'TimeoutError'), 'b'],
];

describe('fabric status', () => {
  test('shows a job that has ended: how, its parts, counts, and failures by stage', async () => {
    await finalize(await storedJob('ended.jsonl', FAILING));
    const { status, stdout, stderr } = await fabric(['status', `${ADDRESS}/ended.jsonl/`]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    for (const [name, value] of [
      ['status', 'complete'],
      ['parts', '2 of 2'],
      ['succeeded', '2'],
      ['failed', '3'],
      ['at inference', '2'],
      ['source', 's3://input/numbers/ended.jsonl'],
    ])
      expect(stdout).toMatch(new RegExp(`${name}\\s+│ ${value}\\s`));
    expect(await json(['status', `${ADDRESS}/ended.jsonl/_manifest.json`])).toMatchObject({
      results: `${ADDRESS}/ended.jsonl`,
      status: 'complete',
      parts: { done: 2, of: 2 },
      counts: { total: 5, succeeded: 2, failed: 3 },
    });
  });

  test('shows a job that runs, with what it has so far, and one whose bundles are missing', async () => {
    const recorded = await storedJob('open.jsonl', [['a', failed('map')], undefined, undefined]);
    expect(await json(['status', `${ADDRESS}/open.jsonl`])).toMatchObject({
      status: 'running',
      parts: { done: 1, of: 3 },
      counts: { total: 2, succeeded: 1, failed: 1 },
    });
    await finalize(recorded);
    const { stdout } = await fabric(['status', `${ADDRESS}/open.jsonl`]);
    expect(stdout).toMatch(/status\s+│ incomplete/);
    expect(stdout).toMatch(/missing\s+│ part-00001-of-00003\.jsonl/);
  });

  test('lists jobs: of a pipeline, or all', async () => {
    await storedJob('deep/one.jsonl', [['a'], undefined]);
    await aws.store.put({ bucket: BUCKET, key: `${PIPELINE}/no/_job.json` }, '{"id":"an answer"}');
    for (const address of [ADDRESS, `s3://${BUCKET}`, `s3://${BUCKET}/`]) {
      const { stdout, status } = await fabric(['status', address]);
      expect(status).toBe(0);
      expect(stdout).toMatch(/s3:\/\/results\/numbers\/deep\/one\.jsonl\s+│ running\s+│ 1 of 2/);
      expect(stdout).not.toContain('numbers/no');
    }
  });

  test.each([
    ['s3://NO/x', "not an S3 address: 's3://NO/x' (expected s3://<bucket>/<key>)"],
    [`${ADDRESS}/absent`, `there are no jobs in ${ADDRESS}/absent`],
    ['/absent', 'there is no folder /absent'],
  ])('says what is wrong with %s', async (address, message) => {
    expect(complaint(await fabric(['status', address]))).toBe(message);
  });

  test('says what is wrong where S3 refuses', async () => {
    expect(complaint(await fabric(['status', 's3://no-such-bucket']), 1)).toContain('no-such-bucket');
  });
});

describe('fabric failures', () => {
  test('lists failures with stage and error, and counts them by both', async () => {
    await storedJob('failing.jsonl', FAILING);
    const { status, stdout } = await fabric(['failures', `${ADDRESS}/failing.jsonl`, '--limit', '2']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/failing\.jsonl#0-1\s+│ map\s+│ RangeError: it did not work/);
    expect(stdout).toMatch(/failing\.jsonl#1-0\s+│ inference\s+│ TimeoutError: it did not work/);
    expect(stdout).not.toContain('failing.jsonl#1-1');
    expect(stdout).toContain("showing the first 2 of 3; use '--save' to write all of them to a file");
    expect(stdout).toMatch(/inference\s+│ TimeoutError\s+│ 2/);
    // One line below the head of each of the two tables.
    expect(stdout.match(/^├/gm)).toHaveLength(2);
  });

  test('selects by stage and by error, and saves the lines as they are', async () => {
    const recorded = await storedJob('saved.jsonl', FAILING);
    const folder = await temporaryFolder();
    const file = join(folder, 'failures.jsonl');
    const address = `${ADDRESS}/saved.jsonl`;
    expect(await json(['failures', address, '--stage', 'inference', '--save', file, '--limit', '1'])).toMatchObject({
      total: 2,
      kinds: [{ stage: 'inference', error: 'TimeoutError', count: 2 }],
      failures: [{ id: 'saved.jsonl#1-0', error: { name: 'TimeoutError' } }],
    });
    const errors = await aws.store.get({
      bucket: BUCKET,
      key: `${recorded.folder}/_errors/errors-00001-of-00002.jsonl`,
    });
    const bytes: Uint8Array[] = [];
    for await (const chunk of errors?.chunks ?? []) bytes.push(chunk);
    expect(await readFile(file)).toEqual(Buffer.concat(bytes));
    expect(await json(['failures', address, '--stage', 'map', '--error', 'TimeoutError'])).toEqual({
      total: 0,
      kinds: [],
      failures: [],
    });
  });

  test('says where there is no job', async () => {
    const message = complaint(await fabric(['failures', ADDRESS]));
    expect(message).toBe(`there is no job in ${ADDRESS}: it has no _job.json`);
  });
});

describe('fabric redrive', () => {
  test('sends messages for what failed, by error, and says how much that is', async () => {
    const recorded = await storedJob('redriven.jsonl', FAILING);
    await finalize(recorded);
    const { status, stdout } = await fabric(['redrive', `${ADDRESS}/redriven.jsonl`, '--error', 'TimeoutError']);
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'sent to rerun: 2 failed elements in 1 bundle\n' });
    expect(await messageOf(recorded)).toMatchObject({
      kind: 'redrive',
      bundle: 1,
      of: 2,
      select: { errorName: 'TimeoutError' },
    });
    expect(await json(['status', `${ADDRESS}/redriven.jsonl`])).toMatchObject({ status: 'redriving' });
    expect(await json(['redrive', `${ADDRESS}/redriven.jsonl`, '--stage', 'load'])).toEqual({
      failures: 0,
      bundles: 0,
      missing: 0,
      isLookedAt: false,
    });
  });

  test('waits until the manifest is written anew with --wait, and ends as the job does', async () => {
    const recorded = await storedJob('awaited.jsonl', [['a'], undefined]);
    await finalize(recorded);
    const waiting = json(['redrive', `${ADDRESS}/awaited.jsonl`, '--wait'], 3);
    // The test is the fabric.
    expect(await messageOf(recorded)).toMatchObject({ kind: 'bundle', bundle: 1 });
    await commitBundle(recorded, 1, ['b', failed('map')], { output: output() });
    await finalize(recorded, true);
    expect(await waiting).toMatchObject({
      failures: 0,
      missing: 1,
      job: { status: 'complete', counts: { total: 3, succeeded: 2, failed: 1 } },
    });
  });

  test('says what stands against it', async () => {
    const recorded = await storedJob('refused.jsonl', FAILING);
    const address = `${ADDRESS}/refused.jsonl`;
    expect(complaint(await fabric(['redrive', address]))).toBe(
      `${address} is unfinished: it has no manifest yet; use '--unfinished' to redrive it anyway`,
    );
    await aws.store.delete({ bucket: BUCKET, key: folderNoteKey(recorded.job) });
    expect(complaint(await fabric(['redrive', address, '--unfinished']))).toMatch(
      /set '--bundle-queue' and '--finalizer-queue'/,
    );
    expect(complaint(await fabric(['redrive', '.']))).toMatch(/'\.' is not s3:\/\/<output>/);
  });
});

test('every command of docs/redrive.md works', async () => {
  const page = await readFile(new URL('../../docs/redrive.md', import.meta.url), 'utf8');
  const commands = Array.from(page.matchAll(/^npx fabric (.*)$/gm), ([, command = '']) => command.split(' '));
  expect(commands.length).toBeGreaterThan(4);
  const [, bucket, pipeline, name = ''] = /s3:\/\/(.*)\/(.*)\/(.*\.\w+)/.exec(page) ?? [];
  expect([bucket, pipeline]).toEqual([BUCKET, PIPELINE]);
  const recorded = await storedJob(name, FAILING);
  await finalize(recorded);
  const saved = join(await temporaryFolder(), 'failures.jsonl');
  for (const command of commands) {
    const ending = fabric(command.map((word) => (word === 'failures.jsonl' ? saved : word)));
    // The test is the fabric: one of the failures succeeds now.
    if (command.includes('redrive')) await messageOf(recorded);
    if (command.includes('--wait')) {
      await aws.store.delete({ bucket: BUCKET, key: `${recorded.folder}/part-00000-of-00002.jsonl` });
      await commitBundle(recorded, 0, ['a', 'b'], { output: output() });
      await finalize(recorded, true);
    }
    const { status, stderr } = await ending;
    expect({ command, status, stderr }).toEqual({ command, status: command.includes('--wait') ? 3 : 0, stderr: '' });
  }
  expect((await readFile(saved, 'utf8')).split('\n')).toHaveLength(3);
});

test('fabric status and failures read what fabric run has written, and write nothing', async () => {
  const folder = await temporaryFolder();
  const input = await writeIn(folder, 'n.jsonl', '{"n":1}\n{"n":-2}\n');
  const out = join(folder, 'out');
  expect((await run('numbers', [input], out)).status).toBe(3);
  const before = await filesBelow(folder);
  expect(await json(['status', join(out, 'numbers/n.jsonl')])).toMatchObject({
    results: join(out, 'numbers/n.jsonl'),
    status: 'complete',
    counts: { total: 2, failed: 1 },
  });
  expect(await json(['status', out])).toMatchObject({ jobs: 1, shown: [{ status: 'complete' }] });
  const { stdout } = await fabric(['failures', join(out, 'numbers/n.jsonl')]);
  expect(stdout).toMatch(/n\.jsonl#8\s+│ map\s+│ RangeError: no negative numbers/);
  expect(await filesBelow(folder)).toEqual(before);
});
