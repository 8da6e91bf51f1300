import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { deadlineOf } from '../memory-ports.ts';
import { intakeUnderTest, LINES } from './intake-under-test.ts';
import { received, s3Event } from './s3-event.ts';

const DEEP = `${'['.repeat(4500)}${']'.repeat(4500)}`;

describe('Intake of what it can make nothing of', () => {
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
    ['csv/a.csv', '1,2\n3,4\n', 'its names are numbers'],
    ['json/a.json', '{"a":1}', "does not start with '['"],
    ['jsonl/a.jsonl.gz', Buffer.from([0x1f, 0x8c, 0, 0xff, 9, 9, 9, 9]), 'Cannot decompress gzip'],
    ['jsonl/a.parquet', Buffer.from('PAR1\x15\0\0\0'), 'it is a Parquet file'],
    ['jsonl/b.jsonl.gz', gzipSync('1\n'.repeat(10_000)).subarray(0, 40), 'Cannot decompress gzip'],
    ['jsonl/a.jsonl.zst', zstdCompressSync('1\n'.repeat(1000)).subarray(0, 10), 'Cannot decompress zstd'],
    ['jsonl/a.manifest.json', '["a"]', "format 'jsonl'"],
    ['images/a.manifest.json', '{"prefix":"s3://in/"}', "does not start with '['"],
    ['images/b.manifest.json', '[{"prefix":"in/"}]', 'prefix'],
    ['images/c.manifest.json', `["a",{"b":${DEEP}},"c"]`, 'entry 1 nests arrays and objects deeper than 512 levels'],
    ['images/d.manifest.json', `[{"prefix":${DEEP}},"c"]`, 'entry 0 nests arrays and objects deeper than 512 levels'],
  ])('explains an object that cannot be read as a whole: %s', async (key, content, reason) => {
    const { put, take, rejection, queues, counts, store } = intakeUnderTest({ versioned: true });
    const object = await put(key, content);
    expect(await take(object)).toEqual([]);
    expect(rejection(key)).toMatchObject({ key, versionId: object.versionId });
    expect(rejection(key)?.reason).toContain(reason);
    expect(counts).toEqual({ [`objects_rejected ${key.split('/')[0]}`]: 1 });
    expect(queues.finalizer.sent).toEqual([]);
    expect(store.keys('out').some((written) => written.endsWith('_job.json'))).toBe(false);
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

  test('refuses to go on with an object that is not of the job, as a pipeline could have written', async () => {
    const { put, takeAtDeadline, open, queues, store, bundles } = intakeUnderTest({ input: { bundleBytes: 50 } });
    const content = gzipSync(LINES.repeat(1000));
    await takeAtDeadline(await put('jsonl/a.jsonl.gz', content));
    await put('csv/secret.csv', 'a,b\n1,2\n');
    const [sent] = queues.intake.sent;
    const { at } = JSON.parse(sent?.body ?? '') as { readonly at: string };
    const state = store.json('out', at) as { readonly object: object };
    for (const change of [
      { key: 'csv/secret.csv' },
      { key: 'csv/secret.csv', name: 'secret.csv', pipeline: 'csv' },
      { key: 'csv/secret.csv', name: 'secret.csv' },
      { bucket: 'elsewhere' },
    ]) {
      const forged = JSON.stringify({ ...state, object: { ...state.object, ...change } });
      await store.put({ bucket: 'out', key: at }, forged);
      const calls = store.calls.length;
      expect(await open().handle([received(sent?.body ?? '')], deadlineOf())).toEqual([]);
      expect(store.calls.slice(calls).map(({ key }) => key)).toEqual([at]);
    }
    await store.put({ bucket: 'out', key: at }, JSON.stringify(state));
    expect(await open().handle([received(sent?.body ?? '')], deadlineOf())).toEqual([]);
    expect(bundles().length).toBeGreaterThan(0);
  });

  test('refuses messages that nobody could have sent here, and goes on with the others', async () => {
    const { put, open, counts, bundles } = intakeUnderTest();
    const bodies = [
      'x',
      '{}',
      '{"version":1,"kind":"finalize","pipeline":"p","job":"j","until":1}',
      '{"version":1,"kind":"intake","pipeline":"jsonl","job":"j","at":".fabric/jsonl/j/intake/none.json"}',
      '{"kind":"unheard-of"}',
      `{"kind":"unheard-of","more":${DEEP}}`,
      `{"Records":[{"eventName":"ObjectCreated:Put","s3":${DEEP}}]}`,
      s3Event([await put('jsonl/a', LINES)]),
    ];
    expect(
      await open().handle(
        bodies.map((body) => received(body)),
        deadlineOf(),
      ),
    ).toEqual([]);
    expect(counts['messages_refused none']).toBe(7);
    expect(bundles()).toHaveLength(1);
  });
});
