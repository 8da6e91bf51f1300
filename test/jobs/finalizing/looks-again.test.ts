import { describe, expect, test } from 'vitest';
import { folderNoteKey } from '../../../lib/jobs/output-layout.ts';
import { deadlineOf, unavailable } from '../memory-ports.ts';
import { failed, finalizeMessage, received } from '../stored-job.ts';
import { FOLDER, START, startJob, UNTIL } from './finalizer-under-test.ts';

describe('a Finalizer, where a look is made again', () => {
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
      if (!isFirst || operation !== 'list' || !key.startsWith(`${FOLDER}/_errors/`)) return;
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
    await store.delete({ bucket: 'out', key: folderNoteKey(recorded.job) });
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
});
