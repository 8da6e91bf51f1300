import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { BundleMessage } from '../../../lib/elements/messages.ts';
import { jobId, shownJobId } from '../../../lib/jobs/job.ts';
import { chunkKey } from '../../../lib/jobs/output-layout.ts';
import { deadlineOf, unavailable } from '../memory-ports.ts';
import { factsOf, intakeUnderTest, LINES, NOW } from './intake-under-test.ts';
import { received, s3Event } from './s3-event.ts';

describe('Intake of what is delivered again', () => {
  test('sends the recorded plan again where an event is delivered again, also after a redeploy', async () => {
    const { put, take, open, job, bundles, queues } = intakeUnderTest({ input: { bundleBytes: 50 } });
    const object = await put('jsonl/a', LINES);
    await take(object);
    const recorded = job('jsonl/a');
    const redeployed = open({ pipelines: { jsonl: factsOf('jsonl', { bundleBytes: 1000 }) } });
    await redeployed.handle([received(s3Event([object]), 2)], deadlineOf());
    expect(job('jsonl/a')).toEqual(recorded);
    expect(bundles().slice(4)).toEqual(bundles().slice(0, 4));
    expect(queues.finalizer.sent).toHaveLength(2);
  });

  test('sends the recorded plan again where the object is gone by then', async () => {
    const { put, take, bundles, store, rejection } = intakeUnderTest();
    const object = await put('jsonl/a', LINES);
    await take(object);
    await store.delete({ bucket: 'in', key: 'jsonl/a' });
    await take(object);
    expect(bundles()).toHaveLength(2);
    expect(rejection('jsonl/a')).toBeNull();
  });

  test('plans an object once that comes twice in one call', async () => {
    const { put, take, bundles } = intakeUnderTest();
    const object = await put('jsonl/a', LINES);
    await take(object, object);
    expect(bundles()).toHaveLength(1);
  });

  test('records one job where twenty runs take the same event at once', async () => {
    const { put, open, store, bundles } = intakeUnderTest({ input: { bundleBytes: 50 } });
    const object = await put('jsonl/a', LINES);
    const failed = await Promise.all(
      Array.from({ length: 20 }, () => open().handle([received(s3Event([object]))], deadlineOf())),
    );
    expect(failed.flat()).toEqual([]);
    expect(store.keys('out').filter((key) => key.endsWith('_job.json'))).toEqual(['jsonl/a/_job.json']);
    expect(new Set(bundles().map((message) => JSON.stringify(message))).size).toBe(4);
  });

  test('puts what overwrote an object in a folder beside its job, and reads the version of each event', async () => {
    const { put, take, job, bundles } = intakeUnderTest({ versioned: true });
    const first = await put('jsonl/a', LINES);
    const second = await put('jsonl/a', `${LINES}{}\n`);
    // The events come in the wrong order: whoever comes first has the folder.
    await take(second);
    await take(first);
    const id = jobId(['in', 'jsonl/a', first.versionId ?? '', 'jsonl']);
    const beside = job(`jsonl/a@${shownJobId(id)}`);
    expect(job('jsonl/a').source.versionId).toBe(second.versionId);
    expect(beside).toMatchObject({ id, plan: { object: { byteLength: LINES.length } } });
    expect(bundles()[1]).toMatchObject({ source: { versionId: first.versionId, etag: first.etag } });
  });

  test('sends nothing again of a job that is complete', async () => {
    const { put, take, bundles, store } = intakeUnderTest();
    const object = await put('jsonl/a', LINES);
    await take(object);
    await store.put({ bucket: 'out', key: 'jsonl/a/_SUCCESS' }, '');
    await take(object);
    expect(bundles()).toHaveLength(1);
  });

  test('sends nothing again of a job that ended with bundles missing, and again one whose end was cut off', async () => {
    const { put, take, bundles, store } = intakeUnderTest();
    const object = await put('jsonl/a', LINES);
    await take(object);
    const manifest = { bucket: 'out', key: 'jsonl/a/_manifest.json' };
    await store.put(manifest, JSON.stringify({ status: 'incomplete' }));
    await take(object);
    expect(bundles()).toHaveLength(1);
    await store.put(manifest, JSON.stringify({ status: 'complete' }));
    await take(object);
    expect(bundles()).toHaveLength(2);
  });
});

describe('Intake of what could not be taken', () => {
  test('has those messages tried again whose objects the store could not serve, and no others', async () => {
    const { put, open, store, bundles, rejection } = intakeUnderTest();
    const messages = await Promise.all(
      ['jsonl/a', 'jsonl/b', 'jsonl/c'].map(async (key) => received(s3Event([await put(key, LINES)]))),
    );
    store.faults.before = ({ bucket, key }) => {
      if (bucket === 'in' && key === 'jsonl/b') throw unavailable();
    };
    expect(await open().handle(messages, deadlineOf())).toEqual([messages[1]?.id]);
    expect(bundles()).toHaveLength(2);
    expect(rejection('jsonl/b')).toBeNull();
  });

  test('has a message that failed come again soon, sooner than its queue would give it', async () => {
    const { put, open, store, queues } = intakeUnderTest();
    await queues.intake.send([{ body: s3Event([await put('jsonl/a', LINES)]) }]);
    const [message] = await queues.intake.receive({ maxMessages: 1, waitSecs: 0 });
    if (message === undefined) throw new Error('there is no message');
    store.faults.before = ({ bucket }) => {
      if (bucket === 'in') throw unavailable();
    };
    await open().handle([{ ...message, receiveCount: 2 }], deadlineOf());
    expect(queues.intake.nextVisibleAt).toBe(NOW + 120_000);
  });

  test('loses nothing where a run dies at any of its calls', async () => {
    for (let calls = 0, dies = true; dies; calls += 1) {
      const { put, take, store, queues, bundles, job } = intakeUnderTest({ input: { bundleBytes: 50 } });
      const object = await put('csv/a.csv.gz', gzipSync(`a\n${'1234567\n'.repeat(20)}`));
      let left = calls;
      const die = () => {
        left -= 1;
        if (left < 0) throw unavailable();
      };
      for (const port of [store, queues.finalizer, queues.bundles]) port.faults.before = die;
      dies = (await take(object)).length > 0;
      for (const port of [store, queues.finalizer, queues.bundles]) port.faults.before = undefined;
      if (dies) expect(await take(object)).toEqual([]);
      const recorded = job('csv/a.csv.gz');
      const { of } = recorded;
      expect(of).toBe(4);
      expect(new Set(bundles().map((message) => (message as BundleMessage).bundle)).size).toBe(4);
      expect(queues.finalizer.sent.length).toBeGreaterThan(0);
      for (let bundle = 0; bundle < of; bundle += 1)
        expect(store.text('out', chunkKey(recorded, bundle))).toBeDefined();
    }
  });
});
