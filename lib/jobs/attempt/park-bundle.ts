import type { ErrorDescription } from '../../errors.ts';
import { takenMillis } from '../come-again.ts';
import type { LastNote } from '../notes/last-notes.ts';
import { lastNoteKey } from '../output-layout.ts';
import type { OutputBucket } from '../fabric-ports.ts';
import type { Attempt, BundleProcessorOptions } from './processor-options.ts';

/** One bundle of a recorded job. */
export interface JobBundle {
  readonly pipeline: string;
  readonly job: string;
  readonly bundle: number;
  readonly of: number;
}

export function isLastReceive({ received, options }: Attempt): boolean {
  return received.receiveCount >= options.maxReceives;
}

const NOTHING: AsyncDisposable = { async [Symbol.asyncDispose]() {} };

/**
 * Notes that a bundle is tried for the last time: without a part at the end of that time, it is parked. If the visibility
 * timeout of its message is extended from time to time, so is the note, until the result is disposed of.
 */
export async function noteLastReceive(
  bundle: JobBundle,
  { deadline, options: { output, now } }: Attempt,
): Promise<AsyncDisposable> {
  const write = (): Promise<void> => note(bundle, { until: now() + takenMillis(deadline) }, output);
  await write();
  return deadline.hold?.onRenewed(write) ?? NOTHING;
}

/** Notes that a bundle is not tried again, and the reason. */
export async function notePark(
  bundle: JobBundle,
  error: ErrorDescription,
  { output, now }: BundleProcessorOptions,
): Promise<void> {
  await note(bundle, { until: now(), error }, output);
}

/** Removes the note, because the bundle is tried again. */
export async function removeLastNote(bundle: JobBundle, { store, bucket }: OutputBucket): Promise<void> {
  await store.delete({ bucket, key: noteKey(bundle) });
}

async function note(bundle: JobBundle, last: LastNote, { store, bucket }: OutputBucket): Promise<void> {
  await store.put({ bucket, key: noteKey(bundle) }, JSON.stringify(last));
}

function noteKey({ pipeline, job, bundle, of }: JobBundle): string {
  return lastNoteKey({ pipeline, id: job }, bundle, of);
}
