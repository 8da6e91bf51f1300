import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Bundle, BundleSummary, OutcomeSink } from '../../../lib/inference/bundle.ts';
import { findJob, type RecordedJob } from '../../../lib/jobs/job-record.ts';
import { openRedrives } from '../../../lib/jobs/notes/redrive-notes.ts';
import { getText } from '../../../lib/stores/object-store.ts';
import { earlierPath, renameToEarlier } from '../earlier-names.ts';
import { deadlineOf } from '../memory-ports.ts';
import { OUTPUT, startFabric, type TestFabric } from './redrive-fabric.ts';
import { brokenRun, LATE, LINES, SLOW, TEXT } from './broken-run.ts';
import { interrupted } from './interrupted-store.ts';

let fabric: Awaited<ReturnType<typeof startFabric>>;
beforeAll(async () => {
  fabric = await startFabric();
});
afterAll(() => fabric[Symbol.asyncDispose]());

async function textAt(key: string): Promise<string | undefined> {
  return (await getText(fabric.store, { bucket: OUTPUT, key }))?.text;
}

const freshRuns = new Map<string, Promise<Readonly<Record<string, string>>>>();

/** The parts of a job of that name, had it run while only these things were broken. */
async function partsOfFreshRun(name: string, ...broken: readonly string[]) {
  const fresh = `fresh${broken.join('')}`;
  const run = async () => {
    const numbers = await fabric.open('numbers');
    const recorded = await numbers.job(fresh, TEXT);
    await numbers.run(recorded);
    return numbers.parts(recorded);
  };
  await fabric.breaks(...broken);
  const running = freshRuns.get(fresh) ?? run();
  freshRuns.set(fresh, running);
  return Object.fromEntries(Object.entries(await running).map(([path, text]) => [path, text.replaceAll(fresh, name)]));
}

function lines(text = ''): number {
  return text.split('\n').length - 1;
}

async function expectDone(numbers: TestFabric, { job }: RecordedJob): Promise<void> {
  expect(await openRedrives(job, { store: numbers.store, bucket: OUTPUT })).toEqual([]);
}

describe('a redrive', () => {
  test('leaves objects alone that the fabric did not write', async () => {
    const { numbers, recorded } = await brokenRun(fabric, 'beside.jsonl');
    const keys = ['notes.txt', '_errors/notes.txt', '_errors/errors-mine.jsonl', '../mine.json'].map((name) =>
      `${recorded.folder}/${name}`.replace(/[^/]+\/\.\.\//, ''),
    );
    for (const key of keys) await fabric.store.put({ bucket: OUTPUT, key }, 'mine');
    await fabric.breaks();
    await numbers.redrive(recorded, {});
    for (const key of keys) expect(await textAt(key)).toBe('mine');
  });

  test('keeps the names of a folder that an earlier version wrote', async () => {
    const name = 'earlier.jsonl';
    const { numbers, recorded } = await brokenRun(fabric, name);
    await renameToEarlier(fabric.store, OUTPUT, recorded.folder);
    const earlier = await findJob(recorded.job, { store: fabric.store, bucket: OUTPUT });
    if (earlier === undefined) throw new Error('the job has no record');
    const expected = Object.entries(await partsOfFreshRun(name, 'Slow'));
    await fabric.breaks('Slow');
    expect((await numbers.redrive(earlier, { errorName: 'Late' })).counts.failed).toBe(SLOW + 1);
    expect(await numbers.parts(earlier)).toEqual(
      Object.fromEntries(expected.map(([path, text]) => [earlierPath(path), text])),
    );
    const keys = await Array.fromAsync(fabric.store.list(OUTPUT, `${recorded.folder}/_`));
    expect(keys.map(({ key }) => key)).toEqual([`${recorded.folder}/_SUCCESS`]);
    await expectDone(numbers, recorded);
  });

  test('merges what succeeds now, so that the job is what a run without the cause would have been', async () => {
    const { numbers, recorded } = await brokenRun(fabric, 'all');
    const expected = await partsOfFreshRun('all');
    const manifest = await numbers.redrive(recorded);
    expect(await numbers.parts(recorded)).toEqual(expected);
    expect(manifest).toMatchObject({
      status: 'complete',
      counts: { total: 16, succeeded: 15, failed: 1 },
      failedByStage: { read: 1 },
    });
    expect(await numbers.text(`${recorded.folder}/_SUCCESS`)).toBe('');
    // What could not be read before can't be read now.
    expect(numbers.deadLetters.sent).toHaveLength(LATE + SLOW + 1 + 1);
    expect(numbers.events).toHaveLength(2);
    await expectDone(numbers, recorded);
  });

  test('runs only what is selected, by stage and error, and leaves other lines as they are', async () => {
    const { numbers, recorded, before } = await brokenRun(fabric, 'selected');
    const expected = await partsOfFreshRun('selected', 'Slow');
    expect(await numbers.redrive(recorded, { stage: 'read', errorName: 'Late' })).toMatchObject({
      counts: { failed: LATE + SLOW + 1 },
    });
    expect(await numbers.parts(recorded)).toEqual(before);
    const manifest = await numbers.redrive(recorded, { stage: 'map', errorName: 'Late' });
    expect(await numbers.parts(recorded)).toEqual(expected);
    expect(manifest).toMatchObject({
      counts: { succeeded: 13, failed: SLOW + 1 },
      failedByStage: { map: SLOW, read: 1 },
    });
    expect(numbers.deadLetters.sent).toHaveLength(LATE + SLOW + 1);
  });

  test('sends a dead letter for what fails again, and for nothing else', async () => {
    const { numbers, recorded, before } = await brokenRun(fabric, 'again');
    const sent = numbers.deadLetters.sent.length;
    await numbers.redrive(recorded, { errorName: 'Slow' });
    expect(await numbers.parts(recorded)).toEqual(before);
    const letters = numbers.deadLetters.sent.slice(sent);
    expect(letters.map(({ attributes }) => attributes?.['errorName'])).toEqual(['Slow', 'Slow']);
  });

  test('takes elements from their errors lines where the source is gone; what was not parsed stays', async () => {
    const { numbers, recorded, before } = await brokenRun(fabric, 'gone');
    const expected = await partsOfFreshRun('gone', 'Slow');
    await numbers.removeInput('gone');
    await fabric.breaks('Slow');
    await numbers.redrive(recorded);
    expect(await numbers.parts(recorded)).toEqual(expected);
    const errors = Object.entries(before).filter(([path]) => path.startsWith('_errors/'));
    const late = errors.flatMap(([, text]) => text.split('\n')).filter((line) => line.includes('"name":"Late"'));
    expect(late).toHaveLength(LATE);
    await expectDone(numbers, recorded);
  });

  test('keeps an element in one line where its source is gone, whatever characters it has', async () => {
    const numbers = await fabric.open('numbers');
    await fabric.breaks('Late', 'Slow');
    const text = 'a\u2028\u2029\u0085\r\v\f\nb';
    const elements = ['Late', 'Slow'].map((error, n) => ({ n, error, text }));
    const recorded = await numbers.job(
      'separators',
      elements.map((element) => `${JSON.stringify(element)}\n`).join(''),
    );
    await numbers.run(recorded);
    await numbers.removeInput('separators');
    await fabric.breaks('Slow');
    expect((await numbers.redrive(recorded)).counts).toEqual({ total: 2, succeeded: 1, failed: 1 });
    const lines = Object.values(await numbers.parts(recorded)).flatMap((part) => part.split('\n').filter(Boolean));
    const inputs = lines.map((line) => (JSON.parse(line) as { readonly input: { readonly n: number } }).input);
    expect(inputs.toSorted((one, other) => one.n - other.n)).toEqual(elements);
  });

  test('runs a bundle anew whose range was gone and is there again', async () => {
    const numbers = await fabric.open('numbers');
    const expected = await partsOfFreshRun('range');
    const recorded = await numbers.job('range', TEXT);
    await numbers.removeInput('range');
    const { counts } = await numbers.run(recorded);
    expect(counts).toEqual({ total: recorded.job.of, succeeded: 0, failed: recorded.job.of });
    const gone = await numbers.parts(recorded);
    expect(await numbers.redrive(recorded)).toMatchObject({ counts });
    expect(await numbers.parts(recorded)).toEqual(gone);

    await numbers.putInput('range', TEXT);
    expect(await numbers.redrive(recorded, { errorName: 'SourceGone' })).toMatchObject({
      status: 'complete',
      counts: { total: 16, succeeded: 15, failed: 1 },
    });
    expect(await numbers.parts(recorded)).toEqual(expected);
  });

  test('runs objects of a list again', async () => {
    const files = await fabric.open('files');
    await fabric.breaks('E2', 'E5');
    const recorded = await files.listJob('pictures', ['', 'a', 'ab', 'abc', 'abcd', 'abcde', 'abcdef']);
    expect(await files.run(recorded)).toMatchObject({ counts: { total: 7, failed: 2 } });
    await fabric.breaks('E5');
    expect(await files.redrive(recorded)).toMatchObject({ counts: { total: 7, failed: 1 } });
    const { 'part-00000-of-00003.jsonl': first = '' } = await files.parts(recorded);
    expect(first.trim().split('\n')).toHaveLength(3);
  });

  test('is not done twice where its message comes again', async () => {
    const { numbers, recorded } = await brokenRun(fabric, 'redelivered');
    await fabric.breaks();
    await numbers.send(recorded);
    const bodies = await numbers.processAll();
    const done = await numbers.parts(recorded);
    const letters = numbers.deadLetters.sent.length;
    await numbers.bundles.send(bodies.map((body) => ({ body })));
    await numbers.processAll();
    expect(await numbers.parts(recorded)).toEqual(done);
    expect(numbers.deadLetters.sent).toHaveLength(letters);
  });

  test('goes with others of the same bundle, at once: each merges into what the other left', async () => {
    const { numbers, recorded } = await brokenRun(fabric, 'race');
    const expected = await partsOfFreshRun('race');
    for (const errorName of ['Late', 'Slow']) await numbers.send(recorded, { errorName });
    // In the middle of one, when it is about to replace a part, all others are done.
    const store = interrupted(
      numbers.store,
      ['put', /\/part-00000-of-/],
      async () => void (await numbers.processAll()),
    );
    await numbers.processAll(numbers.processor({ output: { store, bucket: OUTPUT } }));
    await numbers.finalizeAll();
    expect(await numbers.parts(recorded)).toEqual(expected);
    expect((await numbers.manifest(recorded)).counts).toEqual({ total: 16, succeeded: 15, failed: 1 });
    await expectDone(numbers, recorded);
  });

  test.for<[string, 'put' | 'copy' | 'delete', RegExp]>([
    ['before the part is replaced', 'put', /\/part-00000-of-/],
    ['before errors are put in their place', 'copy', /_errors\/errors-00001-of-/],
    ['before errors are removed', 'delete', /_errors\/errors-00002-of-/],
    ['before it is noted as done', 'put', /redrive\/part-/],
  ])('goes on where a processor was ended %s', async ([when, operation, pattern]) => {
    const name = when.replaceAll(' ', '_').replace('part', '');
    const { numbers, recorded } = await brokenRun(fabric, name);
    const expected = await partsOfFreshRun(name, 'Slow');
    await numbers.send(recorded);
    const store = interrupted(numbers.store, [operation, pattern], () => {
      throw new Error('the machine is gone');
    });
    const processor = numbers.processor({ output: { store, bucket: OUTPUT } });
    await expect(numbers.processAll(processor)).rejects.toThrow('the machine is gone');
    // The one that failed, and those behind it, come again.
    await numbers.bundles.send(numbers.bundles.waiting);
    await numbers.processAll();
    await numbers.finalizeAll();
    expect(await numbers.parts(recorded)).toEqual(expected);
    expect((await numbers.manifest(recorded)).counts).toEqual({ total: 16, succeeded: 13, failed: SLOW + 1 });
    await expectDone(numbers, recorded);
  });

  test('commits at the deadline what has come, and goes on from there', async () => {
    const { numbers, recorded, before } = await brokenRun(fabric, 'deadline');
    const expected = await partsOfFreshRun('deadline');
    await numbers.send(recorded, { stage: 'map' });
    const deadline = new AbortController();
    const engine = {
      pipeline: { input: {}, steps: [] } as never,
      models: {},
      /** Has the outcome of the first element when the deadline comes. */
      async process(
        bundle: Bundle,
        sink: OutcomeSink,
        { signal }: { signal?: AbortSignal } = {},
      ): Promise<BundleSummary> {
        const [ordinal = -1] = bundle.only ?? [];
        const n = Number(/"n":(\d+)/.exec(LINES[ordinal] ?? '')?.[1]);
        const id = `deadline#${LINES.slice(0, ordinal).join('\n').length + 1}`;
        const line = { id, prediction: n * 2, input: JSON.parse(LINES[ordinal] ?? '') as unknown, model: [] };
        const results = new TextEncoder().encode(`${JSON.stringify(line)}\n`);
        await sink.write({ results, errors: new Uint8Array(), elements: 1, succeeded: 1, failed: {}, models: {} });
        deadline.abort(new Error('time is up'));
        signal?.throwIfAborted();
        throw new Error('not reached');
      },
    };
    const [message] = await numbers.bundles.receive({ maxMessages: 1, waitSecs: 0 });
    if (message === undefined) throw new Error('there is no message');
    await numbers.processor({ engine }).process(message, deadlineOf(deadline));
    await numbers.bundles.delete(message.receiptHandle);
    const handedBack = numbers.bundles.sent.at(-1);
    expect(JSON.parse(handedBack?.body ?? '')).toMatchObject({ kind: 'redrive', bundle: 0, attempts: 1 });
    const part = (await numbers.parts(recorded))['part-00000-of-00003.jsonl'];
    expect(lines(part)).toBe(lines(before['part-00000-of-00003.jsonl']) + 1);

    await numbers.processAll();
    await numbers.finalizeAll();
    expect(await numbers.parts(recorded)).toEqual(expected);
    await expectDone(numbers, recorded);
  });
});
