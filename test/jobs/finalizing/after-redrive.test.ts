import { describe, expect, test } from 'vitest';
import { redriveNoteKey, stopKey } from '../../../lib/jobs/output-layout.ts';
import { endRedrive, noteRedrive } from '../../../lib/jobs/notes/redrive-notes.ts';
import { failed, finalizeMessage } from '../stored-job.ts';
import { FOLDER, lastNote, startJob, UNTIL } from './finalizer-under-test.ts';

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
    expect(store.text('out', stopKey(recorded.job))).toBeUndefined();
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
    const errors = { bucket: 'out', key: `${FOLDER}/_errors/errors-00001-of-00002.jsonl` };
    await store.put(errors, 'stale\n');
    await store.put(lastNote(recorded, 1), JSON.stringify({ until: clock() - 1 }));
    expect(await look()).toBeUndefined();
    expect(events).toHaveLength(2);
    // Still past its limits.
    expect(manifest()).toMatchObject({ status: 'stopped', counts: { failed: 1 } });
    expect(store.text('out', errors.key)).toContain('"stage":"map"');
    expect(store.text('out', redriveNoteKey(recorded.job, 1, 2))).toBe('[]');
  });
});
