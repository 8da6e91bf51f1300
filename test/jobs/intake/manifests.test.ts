import { describe, expect, test } from 'vitest';
import { objectListKey } from '../../../lib/jobs/output-layout.ts';
import { deadlineOf } from '../memory-ports.ts';
import { factsOf, intakeUnderTest } from './intake-under-test.ts';
import { received, s3Event } from './s3-event.ts';

describe('Intake of manifests', () => {
  test('makes one job of the objects that a manifest lists, in order', async () => {
    const { put, take, job, bundles, store } = intakeUnderTest({ input: { bundleElements: 3 } });
    const keys = ['a.png', 'b.png', 'c.png', 'd.png', 's3://secret/x', 'e.png', 'f.png'].map((key) =>
      key.startsWith('s3:') ? key : `images/${key}`,
    );
    await take(await put('images/batch 1.manifest.json', JSON.stringify(keys)));
    const recorded = job('images/batch 1.manifest.json');
    const { id, name, of, plan, source } = recorded;
    expect({ name, of, plan, format: source.format }).toEqual({
      name: 'batch 1.manifest.json',
      of: 3,
      plan: { kind: 'listed', count: 7, bundleElements: 3 },
      format: 'images',
    });
    const lists = [0, 1, 2].map((bundle) => store.json('out', objectListKey(recorded, bundle)));
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
    const keys = Array.from({ length: 5000 }, (_, index) => `images/${index}.png`);
    const content = keys.map((key) => `in,${key}\n`).join('');
    await takeAtDeadline(await put('images/all.manifest.csv', content));
    // The entries before are read again, so that each run must read more than the one before.
    let chunksPerRun = 500;
    while ((await goOn({ chunksPerRun, runs: 1 })) > 0) chunksPerRun += 500;
    expect(chunksPerRun).toBeGreaterThan(2000);
    const recorded = job('images/all.manifest.csv');
    const { of, plan } = recorded;
    expect(plan).toEqual({ kind: 'listed', count: 5000, bundleElements: 7 });
    const lists = Array.from({ length: of }, (_, bundle) => store.json('out', objectListKey(recorded, bundle)));
    expect(lists.flat()).toEqual(keys.map((key) => ({ bucket: 'in', key })));
  });

  test.each([
    ['all.manifest.json', '["images/a.png", "other/b.png"]', 's3://in/other/b.png'],
    ['all.manifest.json', '["images/a.png", "images"]', 's3://in/images'],
    ['all.manifest.json', '["images-two/a.png"]', 's3://in/images-two/a.png'],
    ['all.manifest.json', '["s3://in/other/b.png"]', 's3://in/other/b.png'],
    ['all.manifest.json', '[{"prefix":"s3://in/other/"},"b.png"]', 's3://in/other/b.png'],
    ['all.manifest.json', '[{"prefix":"s3://in/"},"other/b.png"]', 's3://in/other/b.png'],
    ['all.manifest.csv', 'in,images/a.png\nin,other%2Fb.png', 's3://in/other/b.png'],
    ['all.manifest.csv', 'in,other/b.png,v1', 's3://in/other/b.png'],
  ])('rejects one that names an object outside of its pipeline, there or not: %s %s', async (name, content, uri) => {
    const reasons = [true, false].map(async (isThere) => {
      const { put, take, store, queues, rejection } = intakeUnderTest();
      if (isThere) await put(uri.slice('s3://in/'.length), 'x');
      const manifest = await put(`images/${name}`, content);
      const calls = store.calls.length;
      expect(await take(manifest)).toEqual([]);
      expect(store.calls.slice(calls).filter(({ bucket, key }) => bucket === 'in' && key !== manifest.key)).toEqual([]);
      expect([queues.bundles.sent, queues.finalizer.sent]).toEqual([[], []]);
      return rejection(manifest.key)?.reason;
    });
    const [there, absent] = await Promise.all(reasons);
    expect(there).toContain(`it names "${uri}", whose key does not start with 'images/'`);
    expect(absent).toBe(there);
  });

  test("takes one that names other objects where the pipeline has manifests: 'any'", async () => {
    const { put, open, job, store } = intakeUnderTest();
    const facts = factsOf('images');
    const images = { ...facts, input: { ...facts.input, manifests: 'any' as const } };
    const manifest = await put('images/all.manifest.json', '["other/b.png"]');
    expect(await open({ pipelines: { images } }).handle([received(s3Event([manifest]))], deadlineOf())).toEqual([]);
    const recorded = job('images/all.manifest.json');
    expect(store.json('out', objectListKey(recorded, 0))).toEqual([{ bucket: 'in', key: 'other/b.png' }]);
  });

  test('makes a job without bundles of an empty manifest', async () => {
    const { put, take, job, queues } = intakeUnderTest();
    await take(await put('images/none.manifest.csv', ''), await put('images/none.manifest.json', '[]'));
    expect(job('images/none.manifest.csv').of).toBe(0);
    expect(job('images/none.manifest.json').of).toBe(0);
    expect(queues.finalizer.sent).toHaveLength(2);
  });
});
