import { describe, expect, test } from 'vitest';
import { deadlineOf } from '../memory-ports.ts';
import { failed, PIPELINE, received } from '../stored-job.ts';
import { FOLDER, startJob } from './finalizer-under-test.ts';

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
        manifest: `s3://out/${FOLDER}/_manifest.json`,
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
    for (const bundle of [0, 1]) await unlimited.commit(bundle, ['a']);
    const calls = unlimited.store.calls.length;
    await unlimited.look();
    await unlimited.look();
    // One that has a success is enough to know that not all elements fail.
    const asked = unlimited.store.calls.slice(calls).filter(({ key }) => key.includes('/part-0'));
    expect(asked.map(({ key }) => key)).toEqual([`${FOLDER}/part-00000-of-00003.jsonl`]);
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
      expect(store.text('out', `${FOLDER}/_errors/errors-0000${bundle}-of-00002.jsonl`)).toContain('"stage":"map"');
  });

  test('refuses messages of other kinds', async () => {
    const { finalizer } = await startJob(1);
    const intake = JSON.stringify({ version: 1, kind: 'intake', pipeline: PIPELINE, job: 'j', at: 'x' });
    await expect(finalizer().process(received(intake), deadlineOf())).rejects.toThrow(/this one is 'intake'/);
    await expect(finalizer().process(received('{}'), deadlineOf())).rejects.toThrow(/not a fabric message/);
  });
});
