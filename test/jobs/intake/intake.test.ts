import { describe, expect, test } from 'vitest';
import type { BundleMessage } from '../../../lib/elements/messages.ts';
import { jobId } from '../../../lib/jobs/job.ts';
import { deadlineOf } from '../memory-ports.ts';
import { factsOf, intakeUnderTest, LINES, NOW } from './intake-under-test.ts';
import { received, s3Event } from './s3-event.ts';

const DAY = 24 * 60 * 60 * 1000;

describe('Intake', () => {
  test('makes a job of an object that was dropped: plan, finalizer, bundles', async () => {
    const { put, take, job, bundles, queues, store } = intakeUnderTest({ input: { bundleBytes: 50 } });
    const object = await put('jsonl/2026/claims ü.jsonl', LINES);
    expect(await take(object)).toEqual([]);

    const id = jobId(['in', object.key, object.etag, 'jsonl']);
    expect(job('jsonl/2026/claims ü.jsonl')).toEqual({
      version: 1,
      id,
      pipeline: 'jsonl',
      name: '2026/claims ü.jsonl',
      source: { uri: 's3://in/jsonl/2026/claims ü.jsonl', etag: object.etag, format: 'jsonl' },
      of: 4,
      plan: {
        kind: 'object',
        object: { kind: 'ranges', start: 0, byteLength: LINES.length, bundleBytes: 50 },
        chunked: false,
      },
      config: 'digest of jsonl',
    });
    expect(store.json('out', `.fabric/jsonl/${id}/folder.json`)).toEqual({
      folder: 'jsonl/2026/claims ü.jsonl',
      queues: { bundles: 'url of jsonl', finalizer: 'url of finalizer' },
    });
    expect(queues.finalizer.sent).toHaveLength(1);
    expect(queues.finalizer.sent[0]?.delaySecs).toBe(5);
    expect(JSON.parse(queues.finalizer.sent[0]?.body ?? '')).toMatchObject({ job: id, until: NOW + 3 * DAY });
    expect(bundles().map((message) => (message as BundleMessage).source.range)).toEqual([
      { start: 0, end: 50 },
      { start: 50, end: 100 },
      { start: 100, end: 150 },
      { start: 150, end: LINES.length },
    ]);
    expect(bundles()[3]).toMatchObject({
      kind: 'bundle',
      job: id,
      bundle: 3,
      of: 4,
      source: { bucket: 'in', key: object.key, etag: object.etag, format: 'jsonl' },
    });
    expect(queues.bundles.sent.every(({ groupId }) => groupId === id)).toBe(true);
  });

  test('tells the finalizer before it sends bundles, and records before it tells anybody', async () => {
    const { put, take, queues, store } = intakeUnderTest();
    const order: string[] = [];
    store.faults.before = ({ operation, key }) => void (operation === 'put' && order.push(key));
    queues.finalizer.faults.before = () => void order.push('finalizer');
    queues.bundles.faults.before = () => void order.push('bundles');
    const object = await put('jsonl/a', LINES);
    await take(object);
    const id = jobId(['in', 'jsonl/a', object.etag, 'jsonl']);
    expect(order.slice(1)).toEqual(['jsonl/a/_job.json', `.fabric/jsonl/${id}/folder.json`, 'finalizer', 'bundles']);
  });

  test('makes a job without bundles of an empty object', async () => {
    const { put, take, job, queues } = intakeUnderTest();
    await take(await put('csv/empty.csv', ''), await put('csv/folder/', ''));
    expect(job('csv/empty.csv').of).toBe(0);
    expect(queues.finalizer.sent).toHaveLength(1);
    expect(queues.bundles.sent).toEqual([]);
  });

  test('takes several messages of several objects, and S3 testing its queue', async () => {
    const { put, open, queues, bundles } = intakeUnderTest();
    const objects = await Promise.all([0, 1, 2, 3, 4, 5].map((index) => put(`jsonl/${index}`, LINES)));
    const messages = [s3Event(objects.slice(0, 2)), '{"Event":"s3:TestEvent"}', s3Event(objects.slice(2))];
    expect(
      await open().handle(
        messages.map((body) => received(body)),
        deadlineOf(),
      ),
    ).toEqual([]);
    expect(
      bundles()
        .map((message) => (message as BundleMessage).source.key)
        .toSorted(),
    ).toEqual(objects.map(({ key }) => key));
    expect(queues.finalizer.sent).toHaveLength(6);
  });

  test('refuses to write where it reads, and a pipeline without a queue', () => {
    const { open, store } = intakeUnderTest();
    expect(() => open({ output: { store, bucket: 'more' } })).toThrow('more');
    expect(() => open({ pipelines: { extra: factsOf('jsonl') } })).toThrow("'extra'");
  });
});
