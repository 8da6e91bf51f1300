import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Intake } from '../../../lib/jobs/intake/intake.ts';
import { findJob, type RecordedJob } from '../../../lib/jobs/job-record.ts';
import { jobId } from '../../../lib/jobs/job.ts';
import { chunkKey } from '../../../lib/jobs/output-layout.ts';
import { SILENT } from '../../../lib/telemetry/telemetry.ts';
import { inputOptions } from '../../formats/reading.ts';
import { factsOf } from '../intake/intake-under-test.ts';
import { received, s3Event } from '../intake/s3-event.ts';
import { deadlineOf, memoryQueue } from '../memory-ports.ts';
import { QUEUES } from '../stored-job.ts';
import { OUTPUT, startFabric, type TestFabric } from './redrive-fabric.ts';

let fabric: Awaited<ReturnType<typeof startFabric>>;
beforeAll(async () => {
  fabric = await startFabric();
});
afterAll(() => fabric[Symbol.asyncDispose]());

const TEXT = Array.from({ length: 24 }, (_, n) =>
  n === 6 ? 'no json\n' : `${JSON.stringify({ n, kind: `k${n % 4}`, ...(n % 5 === 1 ? { error: 'Late' } : {}) })}\n`,
).join('');
const LATE = 4;

/** Drops an object, and takes it through an intake that groups by key. */
async function drop(numbers: TestFabric, name: string): Promise<RecordedJob> {
  const etag = await numbers.putInput(name, TEXT);
  const input = { ...inputOptions('jsonl', { bundleBytes: 600 }), key: 'kind', groupByKey: true };
  const output = { store: fabric.store, bucket: OUTPUT };
  const intake = new Intake({
    output,
    telemetry: SILENT,
    now: Date.now,
    maxReceives: 5,
    inputBuckets: ['input'],
    pipelines: { numbers: { ...factsOf('jsonl'), input, cohorts: [] } },
    queues: { intake: memoryQueue(), finalizer: memoryQueue(), bundles: { numbers: memoryQueue() } },
    jobQueues: () => QUEUES,
  });
  const key = `numbers/${name}`;
  const failed = await intake.handle([received(s3Event([{ bucket: 'input', key, etag }]))], deadlineOf());
  const recorded = await findJob({ pipeline: 'numbers', id: jobId(['input', key, etag, 'numbers']) }, output);
  if (recorded === undefined || failed.length > 0) throw new Error('it was not taken');
  return recorded;
}

/** Parts, but for the version of their object. */
function withoutEtags(parts: Readonly<Record<string, string>>): unknown {
  return Object.fromEntries(
    Object.entries(parts).map(([path, text]) => [path, text.replaceAll(/"etag":"[^"]*"/g, '')]),
  );
}

describe('a job that was grouped by key', () => {
  test.each([
    ['from what is staged', false],
    ['from its errors, where that has expired', true],
  ])('is redriven %s, whatever became of its object', async (_, isExpired) => {
    const numbers = await fabric.open('numbers');
    await fabric.breaks();
    const name = isExpired ? 'expired' : 'staged';
    const fresh = await drop(numbers, `fresh-${name}`);
    await numbers.run(fresh);
    const expected = Object.fromEntries(
      Object.entries(await numbers.parts(fresh)).map(([path, text]) => [path, text.replaceAll(`fresh-${name}`, name)]),
    );

    await fabric.breaks('Late');
    const recorded = await drop(numbers, name);
    const { of, plan } = recorded.job;
    if (plan.kind !== 'object') throw new Error('it is of one object');
    await numbers.removeInput(name);
    expect((await numbers.run(recorded)).counts).toEqual({ total: 24, succeeded: 23 - LATE, failed: LATE + 1 });
    await fabric.breaks();
    if (isExpired) {
      for (let bundle = 0; bundle < of; bundle += 1) {
        await fabric.store.delete({ bucket: OUTPUT, key: chunkKey(recorded.job, bundle, plan.staged) });
      }
    }
    expect((await numbers.redrive(recorded)).counts).toEqual({ total: 24, succeeded: 23, failed: 1 });
    expect(withoutEtags(await numbers.parts(recorded))).toEqual(withoutEtags(expected));
  });
});
