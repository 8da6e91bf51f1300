import { parseMessage } from '../../lib/elements/messages.ts';
import { findJob, type RecordedJob } from '../../lib/jobs/job-record.ts';
import { intakeNoteKey, type JobName, lastNoteKey } from '../../lib/jobs/output-layout.ts';
import type { IntakeNote } from '../../lib/jobs/notes/intake-notes.ts';
import { redriveJob } from '../../lib/jobs/redrive/redrive-job.ts';
import type { OutgoingMessage } from '../../lib/stores/message-queue.ts';
import { getText } from '../../lib/stores/object-store.ts';
import { hold, Violation } from '../violation.ts';
import { NO_FAULTS } from './fault-injector.ts';
import { FaultyFabric } from './faulty-fabric.ts';
import { manifestOf, textOf } from './ledger.ts';
import type { World } from './world.ts';

/** Virtual time in which a job ends, with a manifest that is complete or names what is missing. */
const MAX_JOB_MILLIS = 6 * 60 * 60 * 1000;

const QUEUE_URLS = { bundles: 'bundles', finalizer: 'finalizer' };

/** The ports of `fabric redrive`, on a fabric. */
export function redrivePorts({ calm, output, clock }: World, { queues }: FaultyFabric) {
  return {
    output: { store: calm, bucket: output },
    bundles: queues.bundles,
    finalizer: queues.finalizer,
    queues: QUEUE_URLS,
    now: clock.now,
  };
}

export async function recordedJob({ calm, output }: World, job: JobName): Promise<RecordedJob> {
  const recorded = await findJob(job, { store: calm, bucket: output });
  if (recorded === undefined) throw new Violation('job that does not end', `job ${job.id} has no record`);
  return recorded;
}

/**
 * Does what the documentation has an operator do after faults: sends what intake and the finalizer gave up again, and
 * redrives jobs that are incomplete. All of it on a fabric without faults.
 *
 * @returns every dead letter that was sent, by the fabric or after it.
 */
export async function settleJob(
  world: World,
  fabric: FaultyFabric,
  folder: string,
  startedAt: number,
): Promise<readonly OutgoingMessage[]> {
  const calm = new FaultyFabric({ world, pipeline: fabric.pipeline, faults: NO_FAULTS });
  const manifest = await manifestOf(world, folder);
  if (manifest !== undefined) await expectInTime(world, fabric, { job: manifest.job, startedAt });
  await calm.queues.intake.send(fabric.parked.intake.waiting);
  await calm.queues.finalizer.send(fabric.parked.finalizer.waiting);
  await calm.settle();
  const ended = await manifestOf(world, folder);
  if (ended?.status === 'incomplete') await redriveMissing(world, calm, ended.job);
  return [...fabric.letters.sent, ...calm.letters.sent];
}

async function expectInTime(
  world: World,
  fabric: FaultyFabric,
  { job, startedAt }: { readonly job: string; readonly startedAt: number },
): Promise<void> {
  const ended = fabric.events.find((event) => event.job === job);
  // The finalizer that would have sent the event was given up after it had written the manifest.
  if (ended === undefined || (await isGivenUpSilently(world, fabric, job))) return;
  const hours = ((ended.at - startedAt) / 3_600_000).toFixed(1);
  hold(ended.at - startedAt <= MAX_JOB_MILLIS, 'job that does not end', `the job ended after ${hours} hours`);
}

/**
 * Returns whether a message was given up whose last process could not even leave a note. The finalizer then waits for
 * the maximum time of a job.
 */
async function isGivenUpSilently({ calm, output }: World, fabric: FaultyFabric, job: string): Promise<boolean> {
  const name = { pipeline: fabric.pipeline, id: job };
  if (fabric.parked.intake.waiting.length > 0) {
    const note = await getText(calm, { bucket: output, key: intakeNoteKey(name) });
    // An earlier process of the same message may have left word that this one sends all.
    if (note === undefined || (JSON.parse(note.text) as IntakeNote).until === 0) return true;
  }
  for (const { body } of fabric.parked.bundles.waiting) {
    const message = parseMessage(body);
    if (message.kind !== 'bundle' || message.job !== job) continue;
    const key = lastNoteKey(name, message.bundle, message.of);
    if ((await calm.head({ bucket: output, key })) === undefined) return true;
  }
  return false;
}

async function redriveMissing(world: World, calm: FaultyFabric, job: string): Promise<void> {
  const recorded = await recordedJob(world, { pipeline: calm.pipeline, id: job });
  await redriveJob(recorded, { ...redrivePorts(world, calm), select: { errorName: 'None' } });
  await calm.settle();
}

/** Folders of the jobs below a key: the object's own, and with `@` those of other versions of it. */
export async function jobFolders(
  { calm, output }: World,
  key: string,
): Promise<readonly { readonly folder: string; readonly etag: string; readonly versionId: string | undefined }[]> {
  const jobs = [];
  for await (const object of calm.list(output, key)) {
    if (!object.key.endsWith('/_job.json')) continue;
    // The recorded plan.
    const { source } = JSON.parse((await textOf(calm, output, object.key)) ?? '{}') as {
      readonly source: { readonly etag: string; readonly versionId?: string };
    };
    jobs.push({ folder: object.key.slice(0, -'/_job.json'.length), etag: source.etag, versionId: source.versionId });
  }
  return jobs;
}

export async function isRejected({ calm, output }: World, key: string): Promise<boolean> {
  return (await calm.head({ bucket: output, key: `_rejected/${key}.json` })) !== undefined;
}
