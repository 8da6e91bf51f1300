import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { folderNoteKey, lastNoteKey, redriveNoteKey, stopKey } from '../../../lib/jobs/output-layout.ts';
import { bundleMessageOf } from '../../../lib/jobs/sending/send-bundles.ts';
import { OUTPUT, startFabric } from './redrive-fabric.ts';
import { brokenRun, SLOW, TEXT } from './broken-run.ts';

let fabric: Awaited<ReturnType<typeof startFabric>>;
beforeAll(async () => {
  fabric = await startFabric();
});
afterAll(() => fabric[Symbol.asyncDispose]());

describe('redriveJob', () => {
  test('sends missing bundles again, and removes what says that they are not to be waited for', async () => {
    const numbers = await fabric.open('numbers');
    await fabric.breaks('Late');
    const recorded = await numbers.job('missing', TEXT);
    const { job } = recorded;
    const last = { bucket: OUTPUT, key: lastNoteKey(job, 2, job.of) };
    await numbers.store.put(last, '{"until":1,"error":{"name":"E","message":"m"}}');
    await numbers.store.put({ bucket: OUTPUT, key: stopKey(job) }, '');
    // The stop note leaves them out.
    expect(await numbers.run(recorded, [0, 1])).toMatchObject({ status: 'incomplete', missingCount: 3 });
    await fabric.breaks();
    expect(await numbers.send(recorded)).toEqual({ failures: 0, bundles: 0, missing: 3, isLookedAt: true });
    expect(await numbers.store.head(last)).toBeUndefined();
    expect(await numbers.text(stopKey(job))).toBeUndefined();
    await numbers.processAll();
    await numbers.finalizeAll();
    expect(await numbers.manifest(recorded)).toMatchObject({ status: 'complete', counts: { total: 16, failed: 1 } });
    expect(await numbers.text(`${recorded.folder}/_SUCCESS`)).toBe('');
  });

  test('says how much is on its way, and sends nothing where that is nothing', async () => {
    const { numbers, recorded } = await brokenRun(fabric, 'counts');
    expect(await numbers.send(recorded, { errorName: 'Unheard' })).toEqual({
      failures: 0,
      bundles: 0,
      missing: 0,
      isLookedAt: false,
    });
    expect(numbers.finalizerQueue.sent).toEqual([]);
    const { failures, bundles } = await numbers.send(recorded, { errorName: 'Slow' });
    expect(failures).toBe(SLOW);
    expect(numbers.bundles.waiting).toHaveLength(bundles);
    expect(numbers.finalizerQueue.sent).toHaveLength(1);
  });

  test('has a job looked at whose last parts came after its manifest', async () => {
    const numbers = await fabric.open('numbers');
    await fabric.breaks();
    const recorded = await numbers.job('after-its-end', '{"n":1}\n');
    expect(await numbers.run(recorded, [])).toMatchObject({ status: 'incomplete', missingCount: 1 });
    const output = { store: numbers.store, bucket: OUTPUT };
    await numbers.bundles.send([await bundleMessageOf(recorded, 0, output)]);
    await numbers.processAll();
    expect(await numbers.redrive(recorded)).toMatchObject({ status: 'complete', counts: { total: 1, succeeded: 1 } });
    expect(await numbers.text(`${recorded.folder}/_SUCCESS`)).toBe('');
  });

  test('writes down the folder of a job again whose note has expired', async () => {
    const { numbers, recorded } = await brokenRun(fabric, 'expired');
    await numbers.store.delete({ bucket: OUTPUT, key: folderNoteKey(recorded.job) });
    await fabric.breaks();
    expect(await numbers.redrive(recorded)).toMatchObject({ counts: { failed: 1 } });
  });

  test('refuses a job that has not ended', async () => {
    const numbers = await fabric.open('numbers');
    const recorded = await numbers.job('running', TEXT);
    await expect(numbers.send(recorded)).rejects.toThrow('the job in numbers/running has not ended');
  });

  test('refuses failures that do not say where their elements stood, before it sends anything', async () => {
    const { numbers, recorded, before } = await brokenRun(fabric, 'older');
    const path = Object.keys(before).find((key) => key.startsWith('_errors/')) ?? '';
    const older = before[path]?.replaceAll(/,"position":\d+,"ordinal":\d+/g, '') ?? '';
    await numbers.store.put({ bucket: OUTPUT, key: `${recorded.folder}/${path}` }, older);
    await expect(numbers.send(recorded)).rejects.toThrow(/its line has no 'source\.ordinal'/);
    expect(await numbers.text(redriveNoteKey(recorded.job, 0, recorded.job.of))).toBeUndefined();
    expect(numbers.finalizerQueue.sent).toEqual([]);
  });
});
