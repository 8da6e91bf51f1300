import { describe, expect, test } from 'vitest';
import { MAX_RECEIVES } from '../../../lib/config/delivery.ts';
import type { BundleMessage } from '../../../lib/elements/messages.ts';
import { Finalizer } from '../../../lib/jobs/finalizing/finalizer.ts';
import { Intake } from '../../../lib/jobs/intake/intake.ts';
import { findJob, type RecordedJob } from '../../../lib/jobs/job-record.ts';
import type { Manifest } from '../../../lib/jobs/manifest.ts';
import { redriveJob } from '../../../lib/jobs/redrive/redrive-job.ts';
import type { ReceivedMessage } from '../../../lib/stores/message-queue.ts';
import { SILENT } from '../../../lib/telemetry/telemetry.ts';
import { type Fault, NO_FAULTS } from '../../../campaign/simulation/fault-injector.ts';
import { FaultyProcess } from '../../../campaign/simulation/faulty-process.ts';
import { Turns } from '../../../campaign/simulation/turns.ts';
import { deadlineOf, memoryObjectStore, memoryQueue } from '../memory-ports.ts';
import { commitBundle, QUEUES } from '../stored-job.ts';
import { factsOf, LINES, NOW } from './intake-under-test.ts';
import { s3Event } from './s3-event.ts';

const BUNDLES = 4;
const DAY_MILLIS = 24 * 60 * 60 * 1000;

/** A fault of a receive of intake's message, by the call of its process, from 0. */
type FaultOf = (received: ReceivedMessage) => { readonly call: number; readonly fault: Fault } | undefined;

/** Intake whose processes fail, a finalizer, and processors that commit each bundle, on a clock that jumps. */
async function startWorld() {
  const clock = { now: NOW };
  const now = (): number => clock.now;
  const store = memoryObjectStore({ now });
  const output = { store, bucket: 'out' };
  const parked = memoryQueue({ now });
  const queues = {
    intake: memoryQueue({ now, maxReceives: MAX_RECEIVES, deadLetters: parked }),
    finalizer: memoryQueue({ now }),
    bundles: memoryQueue({ now }),
  };
  const bundleBytes = Math.ceil(LINES.length / BUNDLES);
  const facts = factsOf('jsonl', { bundleBytes });
  const event = { bucket: 'in', key: 'jsonl/a.jsonl', byteLength: LINES.length };
  const etag = (await store.put(event, LINES))?.etag ?? '';

  async function takeIntake(message: ReceivedMessage, death: ReturnType<FaultOf>): Promise<boolean> {
    let call = 0;
    const next = (): Fault | undefined => (call++ === death?.call ? death.fault : undefined);
    const faults = { ...NO_FAULTS, next };
    const process = new FaultyProcess({ name: 'intake', faults, turns: new Turns(Math.random), millisLeft: 0 });
    const intake = new Intake({
      output: { store: process.store(store), bucket: 'out' },
      telemetry: SILENT,
      now,
      maxReceives: MAX_RECEIVES,
      inputBuckets: ['in'],
      pipelines: { jsonl: facts },
      queues: {
        intake: process.queue(queues.intake),
        finalizer: process.queue(queues.finalizer),
        bundles: { jsonl: process.queue(queues.bundles) },
      },
      jobQueues: () => QUEUES,
    });
    const failed = await intake.handle([message], deadlineOf());
    return failed.length === 0 && !process.killed;
  }

  async function finalize(message: ReceivedMessage): Promise<boolean> {
    const pipelines = { jsonl: { facts: {}, deadLetters: memoryQueue({ now }) } };
    const finalizer = new Finalizer({
      output,
      telemetry: SILENT,
      now,
      queue: queues.finalizer,
      pipelines,
      notify: async () => {},
    });
    return finalizer.process(message, deadlineOf()).then(
      () => true,
      () => false,
    );
  }

  async function commit({ body }: ReceivedMessage): Promise<boolean> {
    const { job, bundle } = JSON.parse(body) as BundleMessage;
    const recorded = await findJob({ pipeline: 'jsonl', id: job }, output);
    if (recorded !== undefined) await commitBundle(recorded, bundle, ['done'], { output });
    return true;
  }

  async function settle(faultOf: FaultOf = () => undefined): Promise<void> {
    const takers = [
      [queues.intake, (message: ReceivedMessage) => takeIntake(message, faultOf(message))],
      [queues.bundles, commit],
      [queues.finalizer, finalize],
    ] as const;
    for (;;) {
      const times = takers.flatMap(([{ nextVisibleAt }]) => nextVisibleAt ?? []);
      if (times.length === 0) return;
      clock.now = Math.max(clock.now, Math.min(...times));
      for (const [queue, take] of takers) {
        for (const message of await queue.receive({ maxMessages: 10, waitSecs: 0 })) {
          if (await take(message)) await queue.delete(message.receiptHandle);
        }
      }
    }
  }

  return {
    clock,
    queues,
    settle,
    send: () => queues.intake.send([{ body: s3Event([{ ...event, etag }]) }]),
    manifest: () => store.json('out', 'jsonl/a.jsonl/_manifest.json') as Manifest | null,
    async recorded(): Promise<RecordedJob | undefined> {
      const job = store.json('out', 'jsonl/a.jsonl/_job.json') as { readonly id: string } | null;
      return job === null ? undefined : findJob({ pipeline: 'jsonl', id: job.id }, output);
    },
    redrive: (recorded: RecordedJob) => redriveJob(recorded, { ...queues, output, queues: QUEUES, select: {}, now }),
  };
}

/** More calls than it takes to send a recorded job. */
const CALLS = Array.from({ length: 16 }, (_, call) => call);

describe('a job whose intake is given up', () => {
  test.each(CALLS)(
    'ends within an hour or so, and a redrive completes it (call %i is refused each time)',
    async (call) => {
      const world = await startWorld();
      await world.send();
      await world.settle(() => ({ call, fault: 'refused' }));
      const recorded = await world.recorded();
      const manifest = world.manifest();
      if (recorded === undefined || world.queues.finalizer.sent.length === 0) return;
      expect(world.clock.now - NOW).toBeLessThan(DAY_MILLIS / 6);
      if (manifest?.status !== 'complete') {
        expect(manifest).toMatchObject({ status: 'incomplete', missingCount: BUNDLES });
        expect(manifest?.missing?.[0]).toMatchObject({ error: { name: 'IntakeGivenUp' } });
        await world.redrive(recorded);
        await world.settle();
      }
      expect(world.manifest()).toMatchObject({ status: 'complete', counts: { total: BUNDLES } });
    },
  );

  // Four calls come before the note.
  test.each(CALLS.slice(5))('ends where it is killed for the last time before call %i', async (call) => {
    const world = await startWorld();
    await world.send();
    // It is recorded, and the finalizer is told, before the bundles are refused.
    world.queues.bundles.faults.before = ({ operation }) => {
      if (operation === 'send') throw new Error('no bundle is taken');
    };
    await world.settle(({ receiveCount }) =>
      receiveCount < MAX_RECEIVES ? undefined : { call, fault: 'killed-before' },
    );
    world.queues.bundles.faults.before = undefined;
    const recorded = await world.recorded();
    expect(world.manifest()).toMatchObject({ status: 'incomplete', missingCount: BUNDLES });
    if (recorded !== undefined) await world.redrive(recorded);
    await world.settle();
    expect(world.manifest()).toMatchObject({ status: 'complete' });
  });
});
