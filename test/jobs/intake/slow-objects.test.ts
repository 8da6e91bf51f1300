import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { MAX_RECEIVES } from '../../../lib/config/delivery.ts';
import { Intake } from '../../../lib/jobs/intake/intake.ts';
import type { ObjectStore } from '../../../lib/stores/object-store.ts';
import { SILENT } from '../../../lib/telemetry/telemetry.ts';
import { deadlineOf } from '../memory-ports.ts';
import { messagesOf, startEmulatedIntake } from './emulated-intake.ts';
import { factsOf } from './intake-under-test.ts';
import { received, s3Event } from './s3-event.ts';

/** As many as are planned at once, so that nothing else is planned as long as they are. */
const SLOW = 4;
const INNOCENT = 12;

/** Timers that a test fires itself. */
function manualClock() {
  const running = new Set<() => void>();
  return {
    running,
    setTimeout: (expire: () => void) => {
      running.add(expire);
      return expire;
    },
    clearTimeout: (expire: unknown) => void running.delete(expire as () => void),
  };
}

/** Makes a store's `slow` objects end only when their reader gives up, until they are released. */
function slowDown(store: ObjectStore) {
  const slow = { isReleased: false, waiting: 0, allWait: Promise.withResolvers<void>() };
  // Only the head is read without a signal.
  async function* stuck(signal: AbortSignal) {
    slow.waiting += 1;
    if (slow.waiting === SLOW) slow.allWait.resolve();
    await once(signal, 'abort');
    signal.throwIfAborted();
    yield new Uint8Array();
  }
  const quick = store.get.bind(store);
  const get: ObjectStore['get'] = async (address, options = {}) => {
    const found = await quick(address, options);
    const { signal } = options;
    if (found === undefined || slow.isReleased || signal === undefined || !address.key.includes('slow')) return found;
    return { ...found, chunks: stuck(signal) };
  };
  Object.assign(store, { get });
  return slow;
}

test('Intake leaves a slow object to a message of its own, and the others of its batch are recorded', async () => {
  await using emulated = await startEmulatedIntake();
  const { store, queues } = emulated;
  const { intake: intakeQueue, finalizer, bundles } = queues;
  const slow = slowDown(store);
  const clock = manualClock();
  const intake = new Intake({
    output: { store, bucket: 'bucket-out' },
    telemetry: SILENT,
    now: Date.now,
    inputBuckets: ['bucket-in'],
    pipelines: { csv: factsOf('csv') },
    queues: { intake: intakeQueue, finalizer, bundles: { csv: bundles } },
    jobQueues: () => ({ bundles: bundles.url, finalizer: finalizer.url }),
    maxReceives: MAX_RECEIVES,
    clock,
  });
  const put = async (key: string, content: string | Uint8Array) => {
    const { etag = '' } = (await store.put({ bucket: 'bucket-in', key }, content)) ?? {};
    return received(s3Event([{ bucket: 'bucket-in', key, etag }]));
  };
  const isRecorded = async (key: string): Promise<boolean> =>
    (await store.head({ bucket: 'bucket-out', key: `${key}/_job.json` })) !== undefined;

  // More than the head of an object, also when it is compressed.
  const large = gzipSync(`a,b\n${randomBytes(100_000).toString('base64')},2\n`);
  const slowKeys = Array.from({ length: SLOW }, (_, n) => `csv/slow-${n}.csv.gz`);
  const innocentKeys = Array.from({ length: INNOCENT }, (_, n) => `csv/innocent-${n}.csv`);
  const batch = [];
  for (const key of slowKeys) batch.push(await put(key, large));
  for (const key of innocentKeys) batch.push(await put(key, 'a,b\n1,2\n'));

  const taken = intake.handle(batch, deadlineOf());
  await slow.allWait.promise;
  // The objects that wait come only when the time of these is over.
  expect(await Promise.all(innocentKeys.map(isRecorded))).not.toContain(true);
  for (const expire of clock.running) expire();
  expect(await taken).toEqual([]);
  expect(clock.running.size).toBe(0);
  expect(await Promise.all(innocentKeys.map(isRecorded))).not.toContain(false);
  expect(await Promise.all(slowKeys.map(isRecorded))).not.toContain(true);

  const rest = await messagesOf(intakeQueue);
  expect(rest).toHaveLength(slowKeys.length);
  slow.isReleased = true;
  expect(await intake.handle(rest, deadlineOf())).toEqual([]);
  expect(await Promise.all(slowKeys.map(isRecorded))).not.toContain(false);
  expect(await messagesOf(intakeQueue)).toEqual([]);
});
