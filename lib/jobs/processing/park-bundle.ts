import type { ErrorDescription } from '../../errors.ts';
import type { Deadline } from '../fabric-ports.ts';
import type { LastNote } from '../finalizing/last-notes.ts';
import { lastNoteKey } from '../output-layout.ts';
import type { OutputBucket } from '../commit/part-metadata.ts';
import type { Attempt, BundleProcessorOptions } from './processor-options.ts';

/** A function is gone so long after its time is over. */
const SLACK_MILLIS = 60_000;
/** SQS hides a message for 12 hours from its receive on, and no longer. */
const MAX_RUN_MILLIS = 11 * 60 * 60 * 1000;

/** One bundle of a recorded job. */
export interface JobBundle {
  readonly job: string;
  readonly bundle: number;
  readonly of: number;
}

/** By when nobody works on a message any more that is taken now, in milliseconds from now on. */
export function takenMillis(deadline: Deadline): number {
  return Math.min(deadline.remainingMillis(), MAX_RUN_MILLIS) + SLACK_MILLIS;
}

export function isLastReceive({ received }: Attempt, { maxReceives }: BundleProcessorOptions): boolean {
  return received.receiveCount >= maxReceives;
}

/** Says that a bundle is tried for the last time: without a part at the end of that time, it is parked. */
export async function noteLastReceive(
  bundle: JobBundle,
  { deadline }: Attempt,
  { output, now }: BundleProcessorOptions,
): Promise<void> {
  await note(bundle, { until: now() + takenMillis(deadline) }, output);
}

/** Says that a bundle is not tried again, and why. */
export async function notePark(
  bundle: JobBundle,
  error: ErrorDescription,
  { output, now }: BundleProcessorOptions,
): Promise<void> {
  await note(bundle, { until: now(), error }, output);
}

/** Says that a bundle is tried again after all. */
export async function removeLastNote({ job, bundle, of }: JobBundle, { store, bucket }: OutputBucket): Promise<void> {
  await store.delete({ bucket, key: lastNoteKey(job, bundle, of) });
}

async function note({ job, bundle, of }: JobBundle, last: LastNote, { store, bucket }: OutputBucket): Promise<void> {
  await store.put({ bucket, key: lastNoteKey(job, bundle, of) }, JSON.stringify(last));
}
