import { describe, expect, test } from 'vitest';
import type { FinalizeMessage } from '../../../lib/elements/messages.ts';
import { isPastLimits } from '../../../lib/jobs/finalizing/failure-limits.ts';
import type { JobEvent, PipelineFacts } from '../../../lib/jobs/fabric-ports.ts';
import { Finalizer } from '../../../lib/jobs/finalizing/finalizer.ts';
import type { Manifest } from '../../../lib/jobs/manifest.ts';
import type { RecordedJob } from '../../../lib/jobs/job-record.ts';
import { folderNoteKey, lastNoteKey, redriveNoteKey, stopKey } from '../../../lib/jobs/output-layout.ts';
import { endRedrive, noteRedrive } from '../../../lib/jobs/redrive/redrive-notes.ts';
import { deadlineOf, memoryObjectStore, memoryQueue, unavailable } from '../memory-ports.ts';
import { commitBundle, type End, failed, finalizeMessage, PIPELINE, received, recordJobOf } from '../stored-job.ts';

const START = Date.UTC(2026, 0, 1);
const UNTIL = START + 3 * 24 * 3600 * 1000;
const FOLDER = `${PIPELINE}/n.jsonl`;

type Limits = Pick<PipelineFacts, 'maxFailures' | 'maxFailureRatio'>;

/** A fabric's finalizers, with a clock that goes on when the next message is due. */
async function startJob(of: number, limits: Limits = {}) {
  let now = START;
  const clock = () => now;
  const store = memoryObjectStore({ now: clock });
  const output = { store, bucket: 'out' };
  const queue = memoryQueue({ now: clock });
  const deadLetters = memoryQueue({ now: clock });
  const events: JobEvent[] = [];
  const counted: string[] = [];
  const finalizer = () =>
    new Finalizer({
      output,
      now: clock,
      queue,
      telemetry: { info() {}, warn() {}, error() {}, count: (name) => void counted.push(name) },
      pipelines: { [PIPELINE]: { facts: limits, deadLetters } },
      notify: (event) => Promise.resolve(void events.push(event)),
    });
  const shared = finalizer();
  const recorded = await recordJobOf(of, output);
  await queue.send([{ body: finalizeMessage(recorded.job, { until: UNTIL, delaySecs: 5 }), delaySecs: 5 }]);

  /** The next look; gives the message that it sent for another. */
  async function look(with_ = shared): Promise<FinalizeMessage | undefined> {
    now = Math.max(now, queue.nextVisibleAt ?? now);
    const [message] = await queue.receive({ maxMessages: 1, waitSecs: 0 });
    if (message === undefined) throw new Error('there is no message');
    const sent = queue.sent.length;
    await with_.process(message, deadlineOf());
    await queue.delete(message.receiptHandle);
    const next = queue.sent[sent]?.body;
    return next === undefined ? undefined : (JSON.parse(next) as FinalizeMessage);
  }
  const manifest = () => store.json('out', `${FOLDER}/manifest.json`) as Manifest | null;
  const isSuccess = () => store.text('out', `${FOLDER}/_SUCCESS`) !== undefined;
  return {
    store,
    output,
    queue,
    deadLetters,
    events,
    counted,
    recorded,
    finalizer,
    look,
    manifest,
    isSuccess,
    clock,
    commit: (bundle: number, ends: readonly End[], settle = true) =>
      commitBundle(recorded, bundle, ends, { output, settle }),
    later: (secs: number) => {
      now += secs * 1000;
    },
  };
}

function lastNote({ job }: RecordedJob, bundle: number): { readonly bucket: string; readonly key: string } {
  return { bucket: 'out', key: lastNoteKey(job.id, bundle, job.of) };
}

/** A job that has ended, of whose second bundle the failure is to run again. */
async function redriven() {
  const job = await startJob(2, { maxFailures: 0 });
  const { commit, look, output, recorded, queue } = job;
  await commit(0, ['a']);
  await commit(1, [failed('map')]);
  await look();
  await noteRedrive({ ...recorded, bundle: 1 }, { stage: 'map' }, output);
  await queue.send([{ body: finalizeMessage(recorded.job, { until: UNTIL, redrive: true }) }]);
  return { ...job, end: () => endRedrive({ ...recorded, bundle: 1 }, { stage: 'map' }, output) };
}

describe('a Finalizer', () => {
  test('ends a job once all of its parts are there: manifest, _SUCCESS, event', async () => {
    const { commit, look, manifest, isSuccess, events, counted, queue } = await startJob(3);
    await commit(0, ['a', 'b']);
    await commit(2, ['c', failed('map')]);
    expect(await look()).toMatchObject({ parts: 2 });
    expect([manifest(), isSuccess(), events]).toEqual([null, false, []]);

    await commit(1, [failed('inference')]);
    expect(await look()).toBeUndefined();
    expect(manifest()).toMatchObject({
      status: 'complete',
      counts: { total: 5, succeeded: 3, failed: 2 },
      failedByStage: { map: 1, inference: 1 },
      models: { abc: 'abcdef' },
      parts: [0, 1, 2].map((bundle) => ({ name: `part-0000${bundle}-of-00003.jsonl` })),
    });
    expect(manifest()).not.toHaveProperty('missing');
    expect(isSuccess()).toBe(true);
    expect(events).toEqual([
      {
        pipeline: PIPELINE,
        job: 'job-of-n.jsonl',
        status: 'complete',
        counts: { total: 5, succeeded: 3, failed: 2 },
        manifest: `s3://out/${FOLDER}/manifest.json`,
      },
    ]);
    expect(counted).toEqual(['jobs_complete']);
    expect(queue.waiting).toEqual([]);
  });

  test('completes a job of no bundles with zeros', async () => {
    const { look, manifest, isSuccess } = await startJob(0);
    await look();
    expect(manifest()).toMatchObject({ status: 'complete', counts: { total: 0 }, parts: [] });
    expect(isSuccess()).toBe(true);
  });

  test('looks again after 5 s to begin with, and after at most a minute', async () => {
    const { look } = await startJob(1);
    const delays: (number | undefined)[] = [];
    for (let looks = 0; looks < 9; looks += 1) delays.push((await look())?.delaySecs);
    expect(delays).toEqual([8, 12, 18, 27, 41, 60, 60, 60, 60]);
  });

  test('asks for what is known of parts only once they are all there, and of each but once', async () => {
    const { commit, look, store } = await startJob(3, { maxFailures: 100 });
    const heads = () => store.calls.filter(({ operation, key }) => operation === 'head' && key.includes('/part-'));
    for (const bundle of [0, 1]) await commit(bundle, ['a']);
    const before = heads().length;
    await look();
    await look();
    await commit(2, ['a']);
    await look();
    expect(heads().length - before).toBe(3);

    const unlimited = await startJob(3);
    await unlimited.commit(0, ['a']);
    const calls = unlimited.store.calls.length;
    await unlimited.look();
    expect(unlimited.store.calls.slice(calls).filter(({ key }) => key.includes('/part-0'))).toEqual([]);
  });

  test("does not count what stands in the job's folder under the name of a part and is none of its own", async () => {
    const { commit, look, store, manifest } = await startJob(2);
    await commit(0, ['a']);
    for (const name of ['part-00001-of-00002.jsonl', 'part-00001-of-00003.jsonl', 'part-1-of-2.jsonl', 'part-x'])
      await store.put({ bucket: 'out', key: `${FOLDER}/${name}` }, 'alien\n', { metadata: { job: 'another' } });
    expect(await look()).toMatchObject({ parts: 1 });
    expect(manifest()).toBeNull();
  });

  test('does what parts lack whose processors were ended after the commit: dead letters, then errors', async () => {
    const { commit, look, deadLetters, store } = await startJob(2);
    await commit(0, [failed('map')], false);
    await commit(1, [failed('map')]);
    await look();
    expect(deadLetters.sent).toHaveLength(1);
    for (const bundle of [0, 1])
      expect(store.text('out', `${FOLDER}/errors/part-0000${bundle}-of-00002.jsonl`)).toContain('"stage":"map"');
  });

  test('sends the event again where its message comes again, and writes nothing', async () => {
    const { commit, look, events, store, queue, recorded } = await startJob(1);
    await commit(0, ['a']);
    await look();
    const writes = store.calls.filter(({ operation }) => operation === 'put').length;
    await queue.send([{ body: finalizeMessage(recorded.job, { until: UNTIL }) }]);
    await look();
    expect(events).toHaveLength(2);
    expect(events[1]).toEqual(events[0]);
    expect(store.calls.filter(({ operation }) => operation === 'put')).toHaveLength(writes);
  });

  test('goes on where one was ended between the manifest and _SUCCESS', async () => {
    const { commit, look, store, queue, isSuccess, events } = await startJob(1);
    await commit(0, ['a']);
    store.faults.before = ({ key }) => {
      if (key.endsWith('_SUCCESS')) throw unavailable();
    };
    await expect(look()).rejects.toThrow('unavailable');
    store.faults.before = undefined;
    expect(queue.waiting).toHaveLength(1);
    await look();
    expect([isSuccess(), events.length]).toEqual([true, 1]);
  });

  test('is harmless where several are at a job at once', async () => {
    const { commit, finalizer, recorded, manifest, isSuccess, events } = await startJob(4);
    for (let bundle = 0; bundle < 4; bundle += 1) await commit(bundle, ['a', failed('map')]);
    const message = received(finalizeMessage(recorded.job, { until: UNTIL }));
    await Promise.all(Array.from({ length: 8 }, () => finalizer().process(message, deadlineOf())));
    expect(manifest()).toMatchObject({ status: 'complete', counts: { total: 8, succeeded: 4, failed: 4 } });
    expect(isSuccess()).toBe(true);
    expect(events).toHaveLength(8);
  });

  test('looks anew where another one has written the manifest since it began to read', async () => {
    const { commit, finalizer, recorded, store, manifest, isSuccess } = await startJob(2);
    await commit(0, ['a']);
    const message = received(finalizeMessage(recorded.job, { until: START }));
    // In the middle of a look that finds a bundle missing, that is committed and another finalizer ends the job.
    let isFirst = true;
    store.faults.after = async ({ operation, key }) => {
      if (!isFirst || operation !== 'list' || !key.startsWith(`${FOLDER}/errors/`)) return;
      isFirst = false;
      await commit(1, ['b']);
      await finalizer().process(message, deadlineOf());
    };
    await finalizer().process(message, deadlineOf());
    expect(manifest()).toMatchObject({ status: 'complete', counts: { total: 2 } });
    expect(isSuccess()).toBe(true);
  });

  test('throws where there is no job yet, and gives up on it after its time', async () => {
    const { look, store, recorded, later } = await startJob(1);
    await store.delete({ bucket: 'out', key: folderNoteKey(recorded.job.id) });
    await expect(look()).rejects.toThrow(/there is no job job-of-n\.jsonl yet/);
    later(4 * 24 * 3600);
    expect(await look()).toBeUndefined();
  });

  test('has a look that failed come again soon, and one that was killed soon after its run', async () => {
    const { look, store, queue, clock } = await startJob(1);
    const hidden: number[] = [];
    const noteHidden = () => hidden.push(((queue.nextVisibleAt ?? 0) - clock()) / 1000);
    store.faults.before = ({ operation, key }) => {
      if (operation !== 'list' || !key.startsWith(`${FOLDER}/part-`)) return;
      noteHidden();
      throw unavailable();
    };
    for (let receives = 1; receives <= 4; receives += 1) {
      await expect(look()).rejects.toThrow('unavailable');
      noteHidden();
    }
    // In the run: the 60 s that it has, and a minute.
    expect(hidden).toEqual([120, 30, 120, 120, 120, 300, 120, 300]);
  });

  test('does its look also where its message cannot be hidden', async () => {
    const { commit, look, queue, isSuccess } = await startJob(1);
    await commit(0, ['a']);
    queue.faults.before = ({ operation }) => {
      if (operation === 'changeVisibility') throw unavailable();
    };
    await look();
    expect(isSuccess()).toBe(true);
  });

  test('refuses messages of other kinds', async () => {
    const { finalizer } = await startJob(1);
    const intake = JSON.stringify({ version: 1, kind: 'intake', pipeline: PIPELINE, job: 'j', at: 'x' });
    await expect(finalizer().process(received(intake), deadlineOf())).rejects.toThrow(/this one is 'intake'/);
    await expect(finalizer().process(received('{}'), deadlineOf())).rejects.toThrow(/none of the fabric's/);
  });
});

describe('a Finalizer, where bundles are missing', () => {
  test('ends the job as incomplete once all of them are parked, and names them with their errors', async () => {
    const { commit, look, store, recorded, manifest, isSuccess, events, clock } = await startJob(4);
    const note = (bundle: number, error?: { name: string; message: string }) =>
      store.put(lastNote(recorded, bundle), JSON.stringify({ until: clock() + 20_000, error }));
    await commit(0, ['a']);
    await commit(3, ['a']);
    await note(1, { name: 'ModelLoadError', message: 'm.onnx is corrupt' });
    await note(3);
    expect(await look()).toBeDefined();
    await note(2);
    // Each may still be committed.
    expect(await look()).toBeDefined();
    expect(await look()).toBeDefined();
    expect(await look()).toBeUndefined();
    expect(manifest()).toMatchObject({
      status: 'incomplete',
      counts: { total: 2 },
      missing: [
        { name: 'part-00001-of-00004.jsonl', error: { name: 'ModelLoadError', message: 'm.onnx is corrupt' } },
        { name: 'part-00002-of-00004.jsonl' },
      ],
      missingCount: 2,
    });
    expect(isSuccess()).toBe(false);
    expect(events).toMatchObject([{ status: 'incomplete' }]);
  });

  test("waits for what is not parked, and ends the job as incomplete at 'until'", async () => {
    const { commit, look, store, recorded, manifest, later, clock } = await startJob(3);
    await commit(0, ['a']);
    await store.put(lastNote(recorded, 1), JSON.stringify({ until: clock() - 1 }));
    expect(await look()).toBeDefined();
    later(3 * 24 * 3600);
    expect(await look()).toBeUndefined();
    expect(manifest()).toMatchObject({ status: 'incomplete', missingCount: 2 });
  });

  test('names the first 10,000 of them, and says how many there are', async () => {
    const { look, later, manifest } = await startJob(12_000);
    later(3 * 24 * 3600);
    await look();
    expect(manifest()?.missing).toHaveLength(10_000);
    expect(manifest()).toMatchObject({ status: 'incomplete', missingCount: 12_000 });
  });
});

describe('a Finalizer, where a pipeline has limits on failures', () => {
  test('stops a job past them, and ends it once no more parts come', async () => {
    const { commit, look, store, recorded, manifest, isSuccess, counted } = await startJob(5, { maxFailures: 2 });
    await commit(0, [failed('map'), failed('map')]);
    expect(await look()).toMatchObject({ delaySecs: 8 });
    expect(store.text('out', stopKey(recorded.job.id))).toBeUndefined();
    await commit(1, [failed('map')]);
    expect(await look()).toMatchObject({ parts: 2, delaySecs: 60 });
    expect(store.text('out', stopKey(recorded.job.id))).toBe('');
    await commit(2, ['a']);
    expect(await look()).toMatchObject({ parts: 3 });
    expect(await look()).toBeUndefined();
    expect(manifest()).toMatchObject({ status: 'stopped', counts: { total: 4, failed: 3 }, missingCount: 2 });
    expect([isSuccess(), counted]).toEqual([false, ['jobs_stopped']]);
  });

  test('completes a job whose parts all came in spite of that', async () => {
    const { commit, look, manifest } = await startJob(2, { maxFailures: 0 });
    await commit(0, [failed('map')]);
    await look();
    await commit(1, ['a']);
    await look();
    expect(manifest()).toMatchObject({ status: 'complete' });
  });

  test('does not stop it again when the message that ended it comes again', async () => {
    const { commit, look, store, recorded, queue } = await startJob(3, { maxFailures: 0 });
    await commit(0, [failed('map')]);
    await look();
    await look();
    await store.delete({ bucket: 'out', key: stopKey(recorded.job.id) });
    await queue.send([{ body: finalizeMessage(recorded.job, { until: UNTIL, parts: 1 }) }]);
    await look();
    expect(store.text('out', stopKey(recorded.job.id))).toBeUndefined();
  });

  test.each([
    [{ total: 10, failed: 3 }, { maxFailures: 2 }, true],
    [{ total: 10, failed: 2 }, { maxFailures: 2 }, false],
    [{ total: 999, failed: 999 }, { maxFailureRatio: 0.1 }, false],
    [{ total: 1000, failed: 101 }, { maxFailureRatio: 0.1 }, true],
    [{ total: 1000, failed: 100 }, { maxFailureRatio: 0.1 }, false],
    [{ total: 1000, failed: 1000 }, {}, false],
  ])('%j is past %j: %s', (counts, limits, expected) => {
    expect(isPastLimits(counts, limits)).toBe(expected);
  });
});

describe('a Finalizer, after a redrive', () => {
  test('waits until every redrive is done, and rewrites the manifest', async () => {
    const { look, end, store, recorded, commit, manifest, events } = await redriven();
    expect(await look()).toMatchObject({ redrive: true });
    expect(manifest()).toMatchObject({ counts: { failed: 1 } });
    await store.delete({ bucket: 'out', key: `${FOLDER}/part-00001-of-00002.jsonl` });
    await commit(1, ['b']);
    await end();
    expect(await look()).toBeUndefined();
    expect(manifest()).toMatchObject({ status: 'complete', counts: { total: 2, failed: 0 }, failedByStage: {} });
    expect(events).toHaveLength(2);
    expect(store.text('out', stopKey(recorded.job.id))).toBeUndefined();
  });

  test('rewrites it where the same elements failed at another stage, so that the part kept its ETag', async () => {
    const { look, end, store, commit, manifest } = await redriven();
    await store.delete({ bucket: 'out', key: `${FOLDER}/part-00001-of-00002.jsonl` });
    await commit(1, [failed('inference')]);
    await end();
    await look();
    expect(manifest()).toMatchObject({ failedByStage: { inference: 1 } });
  });

  test('gives up on a redrive whose bundle is parked, and puts the errors of its part in place', async () => {
    const { look, store, recorded, clock, manifest, events } = await redriven();
    const errors = { bucket: 'out', key: `${FOLDER}/errors/part-00001-of-00002.jsonl` };
    await store.put(errors, 'stale\n');
    await store.put(lastNote(recorded, 1), JSON.stringify({ until: clock() - 1 }));
    expect(await look()).toBeUndefined();
    expect(events).toHaveLength(2);
    expect(manifest()).toMatchObject({ status: 'complete', counts: { failed: 1 } });
    expect(store.text('out', errors.key)).toContain('"stage":"map"');
    expect(store.text('out', redriveNoteKey(recorded.job.id, 1, 2))).toBe('[]');
  });
});
