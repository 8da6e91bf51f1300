import { describe, expect, test } from 'vitest';
import { isPastLimits } from '../../lib/jobs/failure-limits.ts';
import { stopKey } from '../../lib/jobs/output-layout.ts';
import { type End, failed, finalizeMessage } from './stored-job.ts';
import { startJob, UNTIL } from './finalizing/finalizer-under-test.ts';

describe('a Finalizer, where a pipeline has limits on failures', () => {
  test('stops a job past them, and ends it once no more parts come', async () => {
    const { commit, look, store, recorded, manifest, isSuccess, counted } = await startJob(5, { maxFailures: 2 });
    await commit(0, [failed('map'), failed('map')]);
    expect(await look()).toMatchObject({ delaySecs: 8 });
    expect(store.text('out', stopKey(recorded.job))).toBeUndefined();
    await commit(1, [failed('map')]);
    expect(await look()).toMatchObject({ parts: 2, delaySecs: 60 });
    expect(store.text('out', stopKey(recorded.job))).toBe('');
    await commit(2, ['a']);
    expect(await look()).toMatchObject({ parts: 3 });
    expect(await look()).toBeUndefined();
    expect(manifest()).toMatchObject({ status: 'stopped', counts: { total: 4, failed: 3 }, missingCount: 2 });
    expect([isSuccess(), counted]).toEqual([false, ['jobs_stopped']]);
  });

  test('has a job stopped whose excess shows in the last part, though all parts came', async () => {
    const { commit, look, manifest, isSuccess, counted } = await startJob(2, { maxFailures: 0 });
    await commit(0, ['a']);
    await look();
    await commit(1, [failed('map')]);
    await look();
    expect(manifest()).toMatchObject({
      status: 'stopped',
      reason: "1 element failed: 'maxFailures' is 0",
      counts: { total: 2, failed: 1 },
    });
    expect(manifest()).not.toHaveProperty('missing');
    expect([isSuccess(), counted]).toEqual([false, ['jobs_stopped']]);
  });

  test.each([
    ['stops a job whose first 1,000 elements all fail at one stage', {}, ['map', 'map'], 'stopped'],
    ['goes on where they fail at several stages', {}, ['map', 'read'], 'complete'],
    ["goes on where 'maxFailureRatio' is 1", { maxFailureRatio: 1 }, ['map', 'map'], 'complete'],
  ] as const)('%s', async (_what, limits, stages, status) => {
    const { commit, look, store, recorded, manifest } = await startJob(3, limits);
    for (const [bundle, stage] of stages.entries()) await commit(bundle, Array<End>(500).fill(failed(stage)));
    await look();
    const isStopped = status === 'stopped';
    expect(store.text('out', stopKey(recorded.job))).toBe(isStopped ? '' : undefined);
    if (!isStopped) await commit(2, ['a']);
    await look();
    expect(manifest()).toMatchObject({
      status,
      ...(isStopped ? { reason: 'the first 1,000 elements all failed at map', missingCount: 1 } : {}),
    });
  });

  test('does not stop it again when the message that ended it comes again', async () => {
    const { commit, look, store, recorded, queue } = await startJob(3, { maxFailures: 0 });
    await commit(0, [failed('map')]);
    await look();
    await look();
    await store.delete({ bucket: 'out', key: stopKey(recorded.job) });
    await queue.send([{ body: finalizeMessage(recorded.job, { until: UNTIL, parts: 1 }) }]);
    await look();
    expect(store.text('out', stopKey(recorded.job))).toBeUndefined();
  });

  test.each([
    [{ total: 10, failed: 3 }, { maxFailures: 2 }, true],
    [{ total: 10, failed: 2 }, { maxFailures: 2 }, false],
    [{ total: 999, failed: 999 }, { maxFailureRatio: 0.1 }, false],
    [{ total: 1000, failed: 101 }, { maxFailureRatio: 0.1 }, true],
    [{ total: 1000, failed: 100 }, { maxFailureRatio: 0.1 }, false],
    [{ total: 1000, failed: 1000 }, {}, false],
  ])('%j is past %j: %s', (counts, limits, expected) => {
    expect(isPastLimits(counts, limits)).toBe(expected);
  });
});
