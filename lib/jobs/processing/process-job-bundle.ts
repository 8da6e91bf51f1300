import {
  type BundleMessage,
  InvalidMessageError,
  type ObjectsMessage,
  type RedriveMessage,
} from '../../elements/messages.ts';
import type { JobCache } from '../attempt/job-cache.ts';
import type { RecordedJob } from '../job-record.ts';
import { partPlace, stopKey } from '../output-layout.ts';
import type { JobBundle } from '../attempt/park-bundle.ts';
import type { Attempt } from '../attempt/processor-options.ts';
import { runPart, settleCommitted } from './run-part.ts';
import { readStoredBundle } from '../attempt/stored-bundle.ts';

type JobMessage = BundleMessage | ObjectsMessage | RedriveMessage;

/** Returns the bundle that a message is about; undefined if it belongs to no job. @throws InvalidMessageError */
export function jobBundleOf({ pipeline, job, bundle, of }: JobMessage): JobBundle | undefined {
  if (job === undefined) return undefined;
  if (bundle !== undefined && of !== undefined) return { pipeline, job, bundle, of };
  throw new InvalidMessageError("not a fabric message: it has a 'job', and no 'bundle' and 'of'");
}

/** Returns the job of a message's bundle. @throws InvalidMessageError if the job's plan has no such bundle */
export async function recordedJob(
  { job: id, bundle, of }: JobBundle,
  { deadline, options: { pipelineName } }: Attempt,
  jobs: JobCache,
): Promise<RecordedJob> {
  const recorded = await jobs.find({ pipeline: pipelineName, id }, { signal: deadline.signal });
  const { job } = recorded;
  if (job.pipeline === pipelineName && job.of === of && bundle < of) return recorded;
  throw new InvalidMessageError(
    `the message is about bundle ${bundle} of ${of} of ${pipelineName}, and job ${id} is ${job.of} bundles of ${job.pipeline}`,
  );
}

export interface TakenBundle {
  readonly recorded: RecordedJob;
  readonly bundle: number;
  /** Objects that the message lists. */
  readonly objects: ObjectsMessage['objects'];
}

/** Runs one bundle of a job to its committed part, unless it has one or the job is stopped. */
export async function processJobBundle({ recorded, bundle, objects }: TakenBundle, attempt: Attempt): Promise<void> {
  const { options } = attempt;
  const { engine, output, inputBuckets, telemetry } = options;
  const { signal } = attempt.deadline;
  const { job } = recorded;
  const place = partPlace(recorded, bundle);
  const [isCommitted, stop] = await Promise.all([
    settleCommitted({ ...attempt, place }),
    output.store.head({ bucket: output.bucket, key: stopKey(job) }, { signal }),
  ]);
  if (isCommitted) return;
  if (stop !== undefined) {
    telemetry.info('a bundle of a stopped job is left out', { job: job.id, bundle });
    return;
  }
  const listed = objects.map(({ versionId, ...object }) => ({ ...object, ...(versionId && { versionId }) }));
  const { manifests } = engine.pipeline.input;
  const read = await readStoredBundle(job, bundle, { output, inputBuckets, manifests, objects: listed, signal });
  await runPart({ ...attempt, place, bundle: read });
}
