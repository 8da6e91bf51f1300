import type { ErrorDescription } from '../../errors.ts';
import { getText, type StoreOptions } from '../../stores/object-store.ts';
import type { OutputBucket } from '../fabric-ports.ts';
import type { Job } from '../job.ts';
import { intakeNoteKey, type JobName } from '../output-layout.ts';

/** Note that intake writes when it sends a job's bundles for the last time: its queue gives the message up afterwards. */
export interface IntakeNote {
  /** Milliseconds since 1970: from then on no process sends bundles. */
  readonly until: number;
  /** First bundle that may not have been sent. */
  readonly from: number;
  /** Error of the last try, if it could still report it. */
  readonly error?: ErrorDescription;
}

/** Bundles of a job from one on, which no process will send. */
export interface UnsentBundles {
  readonly from: number;
  readonly error: ErrorDescription;
}

export async function writeIntakeNote(job: JobName, note: IntakeNote, { store, bucket }: OutputBucket): Promise<void> {
  await store.put({ bucket, key: intakeNoteKey(job) }, JSON.stringify(note));
}

/** Records that the job's bundles have been sent, or that another message of intake sends them. */
export async function noteAllSent(
  job: JobName & Pick<Job, 'of'>,
  { store, bucket, signal }: OutputBucket & StoreOptions,
): Promise<void> {
  const note: IntakeNote = { until: 0, from: job.of };
  await store.put({ bucket, key: intakeNoteKey(job) }, JSON.stringify(note), { signal });
}

export interface UnsentOptions extends StoreOptions {
  readonly output: OutputBucket;
  /** Milliseconds since 1970. */
  readonly lookedAt: number;
}

/** Returns the bundles that intake was given up before it had sent; undefined if it was not, or may still send them. */
export async function readUnsent(
  job: JobName & Pick<Job, 'of'>,
  options: UnsentOptions,
): Promise<UnsentBundles | undefined> {
  const { output, lookedAt, signal } = options;
  const found = await getText(output.store, { bucket: output.bucket, key: intakeNoteKey(job) }, { signal });
  if (found === undefined) return undefined;
  // Intake's own note.
  const { until, from, error } = JSON.parse(found.text) as IntakeNote;
  if (lookedAt <= until || from >= job.of) return undefined;
  const reason = error === undefined ? '' : `: ${error.message}`;
  return {
    from,
    error: { name: 'IntakeGivenUp', message: `intake was given up before it had sent the bundle${reason}` },
  };
}
