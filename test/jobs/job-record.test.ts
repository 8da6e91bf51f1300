import { EARLIER_NAMES, FOLDER_NAMES } from '../../lib/jobs/part-names.ts';
import { renameToEarlier } from './earlier-names.ts';
import { describe, expect, test } from 'vitest';
import { findJob, recordJob } from '../../lib/jobs/job-record.ts';
import { type Job, jobId, shownJobId } from '../../lib/jobs/job.ts';
import { folderNoteKey, partPlace } from '../../lib/jobs/output-layout.ts';
import { memoryObjectStore, unavailable } from './memory-ports.ts';

function jobOf(etag: string, changes: Partial<Job> = {}): Job {
  return {
    version: 1,
    id: jobId(['in', 'p/a.jsonl', etag, 'p']),
    pipeline: 'p',
    name: 'a.jsonl',
    source: { uri: 's3://in/p/a.jsonl', etag, format: 'jsonl' },
    of: 2,
    plan: { kind: 'object', object: { kind: 'ranges', start: 0, byteLength: 8, bundleBytes: 4 }, chunked: false },
    config: 'c1',
    ...changes,
  };
}

const queues = { bundles: 'https://sqs/bundles', finalizer: 'https://sqs/finalizer' };

describe('recordJob', () => {
  test('records a job in the folder of its name, where it is found by its id', async () => {
    const output = { store: memoryObjectStore(), bucket: 'out' };
    const job = jobOf('e1');
    const recorded = await recordJob(job, output, { queues });
    expect(recorded).toEqual({ job, folder: 'p/a.jsonl', names: FOLDER_NAMES, queues });
    expect(output.store.json('out', 'p/a.jsonl/_job.json')).toEqual(job);
    expect(await findJob(job, output)).toEqual(recorded);
    expect(await findJob(jobOf('e2'), output)).toBeUndefined();
  });

  test('keeps the plan that was recorded first, whoever comes with another', async () => {
    const output = { store: memoryObjectStore(), bucket: 'out' };
    const first = await recordJob(jobOf('e1'), output);
    expect(await recordJob(jobOf('e1', { of: 5, config: 'c2' }), output)).toEqual(first);
  });

  test('gives twenty runs that come at once one plan', async () => {
    const output = { store: memoryObjectStore(), bucket: 'out' };
    const plans = Array.from({ length: 20 }, (_, index) => jobOf('e1', { of: index + 1 }));
    const recorded = await Promise.all(plans.map((job) => recordJob(job, output, { queues })));
    expect(new Set(recorded.map((each) => JSON.stringify(each))).size).toBe(1);
    expect(output.store.keys('out').toSorted()).toEqual([folderNoteKey(jobOf('e1')), 'p/a.jsonl/_job.json']);
  });

  test('puts an object that was overwritten beside the job that has the folder, for good', async () => {
    const output = { store: memoryObjectStore(), bucket: 'out' };
    const [one, two] = [jobOf('e1'), jobOf('e2')];
    await recordJob(one, output);
    const folder = `p/a.jsonl@${shownJobId(two.id)}`;
    expect(await recordJob(two, output)).toMatchObject({ job: two, folder });
    await output.store.delete({ bucket: 'out', key: 'p/a.jsonl/_job.json' });
    expect(await recordJob(two, output)).toMatchObject({ job: two, folder });
    expect(await findJob(two, output)).toMatchObject({ folder });
  });

  test('leaves a job in the folder that an earlier version recorded, under its names', async () => {
    const output = { store: memoryObjectStore(), bucket: 'out' };
    const job = jobOf('e1');
    const earlier = { ...(await recordJob(job, output)), names: EARLIER_NAMES };
    await renameToEarlier(output.store, 'out', 'p/a.jsonl');
    expect(await findJob(job, output)).toEqual(earlier);
    expect(await recordJob(jobOf('e1', { of: 5 }), output)).toEqual(earlier);
    await output.store.delete({ bucket: 'out', key: folderNoteKey(job) });
    expect(await recordJob(job, output)).toEqual(earlier);
    const other = await recordJob(jobOf('e2'), output);
    expect(other).toMatchObject({ folder: `p/a.jsonl@${shownJobId(other.job.id)}`, names: FOLDER_NAMES });
    expect(output.store.keys('out').filter((key) => key.startsWith('p/a.jsonl/'))).toEqual(['p/a.jsonl/job.json']);
  });

  test("keeps the parts of an object called 'errors' apart from the errors of the one that it lies under", async () => {
    const output = { store: memoryObjectStore(), bucket: 'out' };
    const inner = jobOf('e2', { id: jobId(['in', 'p/a.jsonl/errors', 'e2', 'p']), name: 'a.jsonl/errors' });
    const places = [];
    for (const job of [inner, jobOf('e1')]) {
      places.push(partPlace(await recordJob(job, output), 0));
    }
    const keys = places.flatMap(({ part, errors }) => [part, errors]);
    expect(new Set(keys).size).toBe(keys.length);
    expect(await recordJob(inner, output)).toMatchObject({ folder: `p/a.jsonl/errors@${shownJobId(inner.id)}` });
    const top = jobOf('e3', { id: jobId(['in', 'p/errors', 'e3', 'p']), name: 'errors' });
    expect(await recordJob(top, output)).toMatchObject({ folder: 'p/errors' });
  });

  test('gives jobs that race for a folder one each', async () => {
    const output = { store: memoryObjectStore(), bucket: 'out' };
    const jobs = Array.from({ length: 8 }, (_, index) => jobOf(`e${index}`));
    const recorded = await Promise.all([...jobs, ...jobs].map((job) => recordJob(job, output)));
    expect(recorded.map(({ job }) => job.id)).toEqual([...jobs, ...jobs].map(({ id }) => id));
    expect(new Set(recorded.map(({ folder }) => folder)).size).toBe(8);
  });

  test('finds a folder also where an object is called as the one beside it', async () => {
    const output = { store: memoryObjectStore(), bucket: 'out' };
    const two = jobOf('e2');
    await recordJob(jobOf('e1'), output);
    await recordJob(jobOf('e1', { id: 'other', name: `a.jsonl@${shownJobId(two.id)}` }), output);
    expect(await recordJob(two, output)).toMatchObject({ job: two, folder: `p/a.jsonl@${two.id}` });
  });

  test('puts the plan back in the folder that is noted, where somebody emptied it', async () => {
    const output = { store: memoryObjectStore(), bucket: 'out' };
    await recordJob(jobOf('e1'), output);
    await output.store.delete({ bucket: 'out', key: 'p/a.jsonl/_job.json' });
    expect(await findJob(jobOf('e1'), output)).toBeUndefined();
    expect(await recordJob(jobOf('e1'), output)).toMatchObject({ folder: 'p/a.jsonl' });
  });

  test('finds no job by a note that names the folder of another pipeline, or holds a plan of one', async () => {
    const output = { store: memoryObjectStore(), bucket: 'out' };
    const job = jobOf('e1');
    await output.store.put({ bucket: 'out', key: 'q/a.jsonl/_job.json' }, JSON.stringify(job));
    await output.store.put({ bucket: 'out', key: folderNoteKey(job) }, JSON.stringify({ folder: 'q/a.jsonl' }));
    expect(await findJob(job, output)).toBeUndefined();
    const other = jobOf('e2', { pipeline: 'q' });
    await output.store.put({ bucket: 'out', key: 'p/b.jsonl/_job.json' }, JSON.stringify(other));
    const name = { pipeline: 'p', id: other.id };
    await output.store.put({ bucket: 'out', key: folderNoteKey(name) }, JSON.stringify({ folder: 'p/b.jsonl' }));
    expect(await findJob(name, output)).toBeUndefined();
  });

  test('comes to the same record wherever it was interrupted', async () => {
    for (let calls = 0; ; calls += 1) {
      const store = memoryObjectStore();
      const output = { store, bucket: 'out' };
      for (const when of ['before', 'after'] as const) {
        let left = calls;
        store.faults[when] = () => {
          left -= 1;
          if (left < 0) throw unavailable();
        };
        await recordJob(jobOf('e1', { of: 7 }), output).catch(() => {});
        store.faults[when] = undefined;
      }
      const recorded = await recordJob(jobOf('e1'), output);
      expect(recorded.folder).toBe('p/a.jsonl');
      expect(store.json('out', 'p/a.jsonl/_job.json')).toEqual(recorded.job);
      if (calls > 6) return;
    }
  });
});
