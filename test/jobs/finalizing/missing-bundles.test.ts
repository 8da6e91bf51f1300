import { describe, expect, test } from 'vitest';
import { writeIntakeNote } from '../../../lib/jobs/notes/intake-notes.ts';
import { lastNote, startJob } from './finalizer-under-test.ts';

describe('a Finalizer, where bundles are missing', () => {
  test('ends the job as incomplete once all of them are parked, and names them with their errors', async () => {
    const { commit, look, store, recorded, manifest, isSuccess, events, clock } = await startJob(4);
    const note = (bundle: number, error?: { name: string; message: string }) =>
      store.put(lastNote(recorded, bundle), JSON.stringify({ until: clock() + 20_000, error }));
    await commit(0, ['a']);
    await commit(3, ['a']);
    await note(1, { name: 'ModelLoadError', message: 'm.onnx is corrupt' });
    await note(3);
    expect(await look()).toBeDefined();
    await note(2);
    // Each may still be committed.
    expect(await look()).toBeDefined();
    expect(await look()).toBeDefined();
    expect(await look()).toBeUndefined();
    expect(manifest()).toMatchObject({
      status: 'incomplete',
      counts: { total: 2 },
      missing: [
        { name: 'part-00001-of-00004.jsonl', error: { name: 'ModelLoadError', message: 'm.onnx is corrupt' } },
        { name: 'part-00002-of-00004.jsonl' },
      ],
      missingCount: 2,
    });
    expect(isSuccess()).toBe(false);
    expect(events).toMatchObject([{ status: 'incomplete' }]);
  });

  test("waits for what is not parked, and ends the job as incomplete at 'until'", async () => {
    const { commit, look, store, recorded, manifest, later, clock } = await startJob(3);
    await commit(0, ['a']);
    await store.put(lastNote(recorded, 1), JSON.stringify({ until: clock() - 1 }));
    expect(await look()).toBeDefined();
    later(3 * 24 * 3600);
    expect(await look()).toBeUndefined();
    expect(manifest()).toMatchObject({ status: 'incomplete', missingCount: 2 });
  });

  test('waits for bundles that were sent, and not for those that intake was given up before it sent', async () => {
    const { commit, look, output, recorded, manifest, clock } = await startJob(4);
    const error = { name: 'Error', message: 'no queue' };
    await writeIntakeNote(recorded.job, { until: clock() + 20_000, from: 2, error }, output);
    await commit(0, ['a']);
    // Intake may send them until then, and bundle 1 is in its queue.
    for (let looks = 0; looks < 6; looks += 1) expect(await look()).toBeDefined();
    await commit(1, ['a']);
    // There is a new part: another may come that an earlier attempt sent.
    expect(await look()).toBeDefined();
    expect(await look()).toBeUndefined();
    const given = { name: 'IntakeGivenUp', message: 'intake was given up before it had sent the bundle: no queue' };
    expect(manifest()).toMatchObject({
      status: 'incomplete',
      counts: { total: 2 },
      missing: [
        { name: 'part-00002-of-00004.jsonl', error: given },
        { name: 'part-00003-of-00004.jsonl', error: given },
      ],
    });
  });

  test('names the first 10,000 of them, and says how many there are', async () => {
    const { look, later, manifest } = await startJob(12_000);
    later(3 * 24 * 3600);
    await look();
    expect(manifest()?.missing).toHaveLength(10_000);
    expect(manifest()).toMatchObject({ status: 'incomplete', missingCount: 12_000 });
  });
});
