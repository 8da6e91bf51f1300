import { describe, expect, test } from 'vitest';
import { objectListKey } from '../../../lib/jobs/output-layout.ts';
import { intakeUnderTest } from './intake-under-test.ts';

describe('Intake of manifests', () => {
  test('makes one job of the objects that a manifest lists, in order', async () => {
    const { put, take, job, bundles, store } = intakeUnderTest({ input: { bundleElements: 3 } });
    const keys = ['a.png', 'b.png', 'c.png', 'd.png', 's3://secret/x', 'e.png', 'f.png'];
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
    const keys = Array.from({ length: 5000 }, (_, index) => `folder/${index}.png`);
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

  test('makes a job without bundles of an empty manifest', async () => {
    const { put, take, job, queues } = intakeUnderTest();
    await take(await put('images/none.manifest.csv', ''), await put('images/none.manifest.json', '[]'));
    expect(job('images/none.manifest.csv').of).toBe(0);
    expect(job('images/none.manifest.json').of).toBe(0);
    expect(queues.finalizer.sent).toHaveLength(2);
  });
});
