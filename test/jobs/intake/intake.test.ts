import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { BundleMessage, ObjectsMessage } from '../../../lib/elements/messages.ts';
import { planObject } from '../../../lib/formats/plan-object.ts';
import { jobId, shownJobId } from '../../../lib/jobs/job.ts';
import { chunkKey, objectListKey } from '../../../lib/jobs/output-layout.ts';
import { inputOptions } from '../../formats/reading.ts';
import { memorySource } from '../../formats/sources.ts';
import { factsOf, intakeUnderTest, NOW } from './intake-under-test.ts';
import { deadlineOf, unavailable } from '../memory-ports.ts';
import { received, s3Event } from './s3-event.ts';

const LINES = Array.from({ length: 20 }, (_, index) => `{"n":${index}}\n`).join('');
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
    expect(store.json('out', `.fabric/${id}/folder.json`)).toEqual({
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
    expect(order.slice(1)).toEqual(['jsonl/a/job.json', `.fabric/${id}/folder.json`, 'finalizer', 'bundles']);
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
      await open().take(
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

  test('sends the recorded plan again where an event is delivered again, also after a redeploy', async () => {
    const { put, take, open, job, bundles, queues } = intakeUnderTest({ input: { bundleBytes: 50 } });
    const object = await put('jsonl/a', LINES);
    await take(object);
    const recorded = job('jsonl/a');
    const redeployed = open({ pipelines: { jsonl: factsOf('jsonl', { bundleBytes: 1000 }) } });
    await redeployed.take([received(s3Event([object]), 2)], deadlineOf());
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

  test('sends nothing again of a job that is complete', async () => {
    const { put, take, bundles, store } = intakeUnderTest();
    const object = await put('jsonl/a', LINES);
    await take(object);
    await store.put({ bucket: 'out', key: 'jsonl/a/_SUCCESS' }, '');
    await take(object);
    expect(bundles()).toHaveLength(1);
  });

  test('records one job where twenty runs take the same event at once', async () => {
    const { put, open, store, bundles } = intakeUnderTest({ input: { bundleBytes: 50 } });
    const object = await put('jsonl/a', LINES);
    const failed = await Promise.all(
      Array.from({ length: 20 }, () => open().take([received(s3Event([object]))], deadlineOf())),
    );
    expect(failed.flat()).toEqual([]);
    expect(store.keys('out').filter((key) => key.endsWith('job.json'))).toEqual(['jsonl/a/job.json']);
    expect(new Set(bundles().map((message) => JSON.stringify(message))).size).toBe(4);
  });

  test('plans an object once that comes twice in one call', async () => {
    const { put, take, bundles } = intakeUnderTest();
    const object = await put('jsonl/a', LINES);
    await take(object, object);
    expect(bundles()).toHaveLength(1);
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

  test.each([
    ['jsonl/../x', '.', 'jsonl'],
    ['jsonl/_x', "'_'", 'jsonl'],
    ['nowhere/x', 'jsonl, json, csv, text, images', 'none'],
    ['x', 'names no pipeline', 'none'],
    [`jsonl/${'x'.repeat(1000)}`, '944', 'jsonl'],
  ])('explains an object key that it rejects: %s', async (key, reason, pipeline) => {
    const { put, take, store, queues, counts } = intakeUnderTest();
    expect(await take(await put(key, 'x'))).toEqual([]);
    const [rejected = '', ...more] = store.keys('out');
    expect(more).toEqual([]);
    expect(rejected).toMatch(/^_rejected\/.+\.json$/);
    expect(rejected.split('/')).not.toContain('..');
    expect(Buffer.byteLength(rejected)).toBeLessThanOrEqual(1024);
    expect(store.json('out', rejected)).toEqual({
      key,
      reason: expect.stringContaining(reason) as string,
      at: '2026-11-21T00:00:00.000Z',
    });
    expect(counts).toEqual({ [`objects_rejected ${pipeline}`]: 1 });
    expect(queues.finalizer.sent).toEqual([]);
  });

  test.each([
    ['csv/a.csv', 'a,a\n1,2\n', 'names must be unique'],
    ['json/a.json', '{"a":1}', "does not start with '['"],
    ['jsonl/a.jsonl.gz', 'this is not gzip', 'Cannot decompress gzip'],
    ['jsonl/b.jsonl.gz', gzipSync('1\n'.repeat(10_000)).subarray(0, 40), 'Cannot decompress gzip'],
    ['jsonl/a.jsonl.zst', zstdCompressSync('1\n'.repeat(1000)).subarray(0, 10), 'Cannot decompress zstd'],
    ['jsonl/a.manifest.json', '["a"]', "format 'jsonl'"],
    ['images/a.manifest.json', '{"prefix":"s3://in/"}', "does not start with '['"],
    ['images/b.manifest.json', '[{"prefix":"in/"}]', 'prefix'],
  ])('explains an object that cannot be read as a whole: %s', async (key, content, reason) => {
    const { put, take, rejection, queues, counts, store } = intakeUnderTest({ versioned: true });
    const object = await put(key, content);
    expect(await take(object)).toEqual([]);
    expect(rejection(key)).toMatchObject({ key, versionId: object.versionId });
    expect(rejection(key)?.reason).toContain(reason);
    expect(counts).toEqual({ [`objects_rejected ${key.split('/')[0]}`]: 1 });
    expect(queues.finalizer.sent).toEqual([]);
    expect(store.keys('out').some((written) => written.endsWith('job.json'))).toBe(false);
  });

  test('explains that an object was gone before it was read, or another in its place', async () => {
    const { put, take, store, rejection } = intakeUnderTest();
    const object = await put('jsonl/a', LINES);
    const replaced = await put('jsonl/b', LINES);
    await store.delete({ bucket: 'in', key: 'jsonl/a' });
    await put('jsonl/b', 'other');
    await take(object, replaced);
    expect(rejection('jsonl/a')?.reason).toMatch(/^gone: /);
    expect(rejection('jsonl/b')?.reason).toMatch(/^gone: /);
  });

  test('explains an object of a bucket that is no input bucket', async () => {
    const { take, store, rejection } = intakeUnderTest();
    await take({ bucket: 'foreign', key: 'jsonl/a', etag: 'e' });
    expect(rejection('jsonl/a')?.reason).toContain('foreign');
    expect(store.calls.every(({ bucket }) => bucket === 'out')).toBe(true);
  });

  test('refuses messages that nobody could have sent here, and goes on with the others', async () => {
    const { put, open, counts, bundles } = intakeUnderTest();
    const bodies = [
      'x',
      '{}',
      '{"version":1,"kind":"finalize","pipeline":"p","job":"j","until":1}',
      '{"version":1,"kind":"intake","pipeline":"jsonl","job":"j","at":".fabric/j/intake/none.json"}',
      '{"kind":"unheard-of"}',
      s3Event([await put('jsonl/a', LINES)]),
    ];
    expect(
      await open().take(
        bodies.map((body) => received(body)),
        deadlineOf(),
      ),
    ).toEqual([]);
    expect(counts['messages_refused none']).toBe(5);
    expect(bundles()).toHaveLength(1);
  });

  test('has those messages tried again whose objects the store could not serve, and no others', async () => {
    const { put, open, store, bundles, rejection } = intakeUnderTest();
    const messages = await Promise.all(
      ['jsonl/a', 'jsonl/b', 'jsonl/c'].map(async (key) => received(s3Event([await put(key, LINES)]))),
    );
    store.faults.before = ({ bucket, key }) => {
      if (bucket === 'in' && key === 'jsonl/b') throw unavailable();
    };
    expect(await open().take(messages, deadlineOf())).toEqual([messages[1]?.id]);
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
    await open().take([{ ...message, receiveCount: 2 }], deadlineOf());
    expect(queues.intake.nextVisibleAt).toBe(NOW + 120_000);
  });

  test('sends nothing again of a job that ended with bundles missing, and again one whose end was cut off', async () => {
    const { put, take, bundles, store } = intakeUnderTest();
    const object = await put('jsonl/a', LINES);
    await take(object);
    const manifest = { bucket: 'out', key: 'jsonl/a/manifest.json' };
    await store.put(manifest, JSON.stringify({ status: 'incomplete' }));
    await take(object);
    expect(bundles()).toHaveLength(1);
    await store.put(manifest, JSON.stringify({ status: 'complete' }));
    await take(object);
    expect(bundles()).toHaveLength(2);
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
      const { of, id } = job('csv/a.csv.gz');
      expect(of).toBe(4);
      expect(new Set(bundles().map((message) => (message as BundleMessage).bundle)).size).toBe(4);
      expect(queues.finalizer.sent.length).toBeGreaterThan(0);
      for (let bundle = 0; bundle < of; bundle += 1) expect(store.text('out', chunkKey(id, bundle))).toBeDefined();
    }
  });

  test('refuses to write where it reads, and a pipeline without a queue', () => {
    const { open, store } = intakeUnderTest();
    expect(() => open({ output: { store, bucket: 'more' } })).toThrow('more');
    expect(() => open({ pipelines: { extra: factsOf('jsonl') } })).toThrow("'extra'");
  });
});

describe('Intake of what must be read', () => {
  test('stages the uncompressed bytes of each bundle', async () => {
    const { put, take, job, store, bundles } = intakeUnderTest({ input: { bundleBytes: 50 } });
    await take(await put('jsonl/a.jsonl.gz', gzipSync(LINES)));
    const { id, of, plan } = job('jsonl/a.jsonl.gz');
    expect(plan).toMatchObject({ kind: 'object', chunked: true, object: { kind: 'cuts', byteLength: LINES.length } });
    expect(bundles()).toHaveLength(of);
    const chunks = Array.from({ length: of }, (_, bundle) => store.text('out', chunkKey(id, bundle)));
    expect(chunks.join('')).toBe(LINES);
    expect(store.keys('in')).toEqual(['jsonl/a.jsonl.gz']);
  });

  test.each([
    ['csv/a.csv', 40, `n,t\n${Array.from({ length: 300 }, (_, n) => `${n},"a\n${'b'.repeat(n % 40)}"\n`).join('')}`],
    // Where an array starts is looked for in so much of its head.
    ['json/a.json', 2500, JSON.stringify(Array.from({ length: 8000 }, (_, n) => ({ n: 'x'.repeat(n % 50) })))],
  ])('goes on in further runs where the time of one is over, and plans what one would: %s', async (...given) => {
    const [key, chunksPerRun, content] = given;
    const { put, take, takeAtDeadline, goOn, job, bundles, queues } = intakeUnderTest({ input: { bundleBytes: 200 } });
    const object = await put(key, content);
    expect(await takeAtDeadline(object)).toEqual([]);
    expect([queues.intake.sent.length, queues.finalizer.sent.length]).toEqual([1, 0]);

    expect(await goOn({ chunksPerRun })).toBeGreaterThan(3);
    const format = key.startsWith('csv') ? 'csv' : 'json';
    const whole = await planObject(memorySource(content), inputOptions(format, { bundleBytes: 200 }));
    expect(job(key).plan).toEqual({ kind: 'object', object: whole, chunked: false });
    expect(bundles()).toHaveLength(job(key).of);
    const sent = bundles();
    await take(object);
    expect(bundles().slice(sent.length)).toEqual(sent);
  });

  test('goes on with the options it began with, whatever is deployed in between', async () => {
    const { put, takeAtDeadline, goOn, open, job } = intakeUnderTest({ input: { bundleBytes: 200 } });
    const content = `a\n${'1234567\n'.repeat(500)}`;
    await takeAtDeadline(await put('csv/a.csv', content));
    const intake = open({ pipelines: { csv: factsOf('csv', { bundleBytes: 999 }) } });
    await goOn({ chunksPerRun: 40, intake });
    const whole = await planObject(memorySource(content), inputOptions('csv', { bundleBytes: 200 }));
    expect(job('csv/a.csv').plan).toMatchObject({ object: whole });
  });

  test('rejects a compressed object that one run cannot read, and one that holds too much', async () => {
    const { put, takeAtDeadline, goOn, open, rejection, queues } = intakeUnderTest();
    const bomb = gzipSync('x'.repeat(100_000));
    await takeAtDeadline(await put('text/slow.gz', bomb));
    expect(await goOn({ chunksPerRun: 1 })).toBe(1);
    expect(rejection('text/slow.gz')?.reason).toContain('one run');
    const intake = open({ maxUncompressedBytes: 99_999 });
    expect(await intake.take([received(s3Event([await put('text/large.gz', bomb)]))], deadlineOf())).toEqual([]);
    expect(rejection('text/large.gz')?.reason).toContain('99999 uncompressed bytes');
    expect(queues.finalizer.sent).toEqual([]);
  });

  test('does not hold it against an object that others had the time of its runs', async () => {
    const { put, open, queues, rejection, store } = intakeUnderTest();
    const object = await put('text/a.gz', gzipSync(LINES));
    let body = s3Event([object]);
    for (let runs = 1; runs <= 5; runs += 1) {
      let remaining = 1000;
      const deadline = { signal: AbortSignal.abort(), remainingMillis: () => (remaining /= 3) };
      expect(await open().take([received(body)], deadline)).toEqual([]);
      expect(queues.intake.sent).toHaveLength(runs);
      body = queues.intake.sent.at(-1)?.body ?? '';
    }
    expect(rejection('text/a.gz')).toBeNull();
    await open().take([received(body)], deadlineOf());
    expect(store.keys('out', 'text/a.gz/')).toEqual(['text/a.gz/job.json']);
  });

  test('goes on sending where it stopped', async () => {
    const { put, open, queues, goOn, bundles } = intakeUnderTest({ input: { bundleBytes: 4 } });
    const object = await put('text/a', 'abc\n'.repeat(1000));
    const controller = new AbortController();
    queues.bundles.faults.after = () => controller.abort();
    await open().take([received(s3Event([object]))], deadlineOf(controller));
    queues.bundles.faults.after = undefined;
    const sent = bundles().length;
    expect(sent).toBeGreaterThan(0);
    expect(sent).toBeLessThan(1000);
    expect(await goOn()).toBe(1);
    expect(bundles().map((message) => (message as BundleMessage).bundle)).toEqual(
      Array.from({ length: 1000 }, (_, index) => index),
    );
    expect(queues.finalizer.sent).toHaveLength(1);
  });
});

describe('Intake of manifests', () => {
  test('makes one job of the objects that a manifest lists, in order', async () => {
    const { put, take, job, bundles, store } = intakeUnderTest({ input: { bundleElements: 3 } });
    const keys = ['a.png', 'b.png', 'c.png', 'd.png', 's3://secret/x', 'e.png', 'f.png'];
    await take(await put('images/batch 1.manifest.json', JSON.stringify(keys)));
    const { id, name, of, plan, source } = job('images/batch 1.manifest.json');
    expect({ name, of, plan, format: source.format }).toEqual({
      name: 'batch 1.manifest.json',
      of: 3,
      plan: { kind: 'listed', count: 7, bundleElements: 3 },
      format: 'images',
    });
    const lists = [0, 1, 2].map((bundle) => store.json('out', objectListKey(id, bundle)));
    expect(lists.flat().map((entry) => (entry as { key?: string }).key)).toEqual(
      keys.map((key) => (key.startsWith('s3:') ? undefined : key)),
    );
    expect((lists[1] as unknown[])[1]).toMatchObject({ failure: { name: 'BucketNotAllowed' }, entry: 's3://secret/x' });
    expect(bundles()).toEqual(
      [0, 1, 2].map((bundle) => ({
        version: 1,
        kind: 'objects',
        pipeline: 'images',
        job: id,
        bundle,
        of: 3,
        objects: (lists[bundle] as readonly object[]).filter((entry) => !('failure' in entry)),
      })),
    );
  });

  test('stages the lists in further runs where the time of one is over', async () => {
    const { put, takeAtDeadline, goOn, job, store } = intakeUnderTest({ input: { bundleElements: 7 } });
    const keys = Array.from({ length: 5000 }, (_, index) => `folder/${index}.png`);
    const content = keys.map((key) => `in,${key}\n`).join('');
    await takeAtDeadline(await put('images/all.manifest.csv', content));
    // The entries before are read again, so that each run must read more than the one before.
    let chunksPerRun = 500;
    while ((await goOn({ chunksPerRun, runs: 1 })) > 0) chunksPerRun += 500;
    expect(chunksPerRun).toBeGreaterThan(2000);
    const { id, of, plan } = job('images/all.manifest.csv');
    expect(plan).toEqual({ kind: 'listed', count: 5000, bundleElements: 7 });
    const lists = Array.from({ length: of }, (_, bundle) => store.json('out', objectListKey(id, bundle)));
    expect(lists.flat()).toEqual(keys.map((key) => ({ bucket: 'in', key })));
  });

  test('makes a job without bundles of an empty manifest', async () => {
    const { put, take, job, queues } = intakeUnderTest();
    await take(await put('images/none.manifest.csv', ''), await put('images/none.manifest.json', '[]'));
    expect(job('images/none.manifest.csv').of).toBe(0);
    expect(job('images/none.manifest.json').of).toBe(0);
    expect(queues.finalizer.sent).toHaveLength(2);
  });
});

const written = (key: string, etag: string, sequencer: string) => ({ bucket: 'in', key, etag, sequencer });

describe('Intake of objects dropped by themselves', () => {
  test('makes bundles of those that it takes together, whatever messages they came in', async () => {
    const { open, bundles, queues, store } = intakeUnderTest({ input: { bundleElements: 3 } });
    const objects = Array.from({ length: 8 }, (_, index) => ({
      bucket: 'in',
      key: `images/${index}.png`,
      etag: `e${index}`,
      ...(index === 0 ? { versionId: 'v1', sequencer: 'AB' } : {}),
    }));
    const messages = [objects.slice(0, 1), objects.slice(1, 5), objects.slice(5)].map((some) =>
      received(s3Event(some)),
    );
    expect(await open().take(messages, deadlineOf())).toEqual([]);
    const sent = bundles() as readonly ObjectsMessage[];
    expect(sent.map((message) => message.objects.length)).toEqual([3, 3, 2]);
    expect(sent.flatMap((message) => message.objects)).toEqual(objects);
    expect(sent.every((message) => message.job === undefined)).toBe(true);
    expect(queues.finalizer.sent).toEqual([]);
    expect(store.keys('out')).toEqual([]);
  });

  test('asks of one object key for what it holds last', async () => {
    const { take, bundles } = intakeUnderTest();
    await take(
      written('images/a', 'e2', '0B'),
      written('images/a', 'e1', '0A'),
      written('images/b', 'f', '01'),
      written('images/a', 'e2', '0B'),
    );
    expect(bundles()).toMatchObject([{ objects: [{ etag: 'e2' }, { etag: 'f' }] }]);
  });

  test('leaves a list that is too long for a message in the output bucket', async () => {
    const { take, bundles, store } = intakeUnderTest();
    const objects = Array.from({ length: 256 }, (_, index) => ({
      bucket: 'in',
      key: `images/${'x'.repeat(930)}${index}`,
      etag: 'e'.repeat(32),
    }));
    await take(...objects);
    const [claim] = bundles();
    if (claim?.kind !== 'claim') throw new Error('no claim');
    expect(store.json('out', claim.body.key)).toMatchObject({ kind: 'objects', objects });
  });

  test('has all their messages tried again where they cannot be sent', async () => {
    const { open, queues } = intakeUnderTest();
    const messages = ['a', 'b'].map((key) => received(s3Event([{ bucket: 'in', key: `images/${key}`, etag: key }])));
    queues.bundles.faults.before = () => {
      throw unavailable();
    };
    expect(await open().take(messages, deadlineOf())).toEqual(messages.map(({ id }) => id));
  });

  test('rejects one whose answer would lie among the results of a manifest', async () => {
    const { take, rejection, bundles } = intakeUnderTest();
    await take({ bucket: 'in', key: 'images/a.manifest.json/job', etag: 'e' });
    expect(rejection('images/a.manifest.json/job')?.reason).toContain('a.manifest.json');
    expect(bundles()).toEqual([]);
  });
});
