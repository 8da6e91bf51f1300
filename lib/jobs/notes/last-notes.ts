import type { ErrorDescription } from '../../errors.ts';
import { getText } from '../../stores/object-store.ts';
import { inParallel } from '../in-parallel.ts';
import type { Job } from '../job.ts';
import { lastNoteKey } from '../output-layout.ts';
import type { OutputAccess } from '../fabric-ports.ts';
import { listParts } from '../commit/read-parts.ts';

/** Note of a processor that takes a bundle for the last time. */
export interface LastNote {
  /** In milliseconds since 1970: a bundle that has no part by then is parked. */
  readonly until: number;
  /** Error of that last try, if it could still be recorded. */
  readonly error?: ErrorDescription;
}

const READS_AT_ONCE = 32;

/** The bundles of a job that were taken for the last time. */
export async function listLastNotes(
  job: Pick<Job, 'pipeline' | 'id' | 'of'>,
  output: OutputAccess,
): Promise<ReadonlySet<number>> {
  const folder = lastNoteKey(job, 0, job.of).replace(/\/[^/]+$/, '');
  return new Set((await listParts({ folder, of: job.of }, output)).keys());
}

/** The notes of bundles, by their numbers; those that have none are left out. */
export async function readLastNotes(
  job: Pick<Job, 'pipeline' | 'id' | 'of'>,
  bundles: readonly number[],
  { store, bucket, signal }: OutputAccess,
): Promise<ReadonlyMap<number, LastNote>> {
  const notes = new Map<number, LastNote>();
  await inParallel(bundles, READS_AT_ONCE, async (bundle) => {
    const note = await getText(store, { bucket, key: lastNoteKey(job, bundle, job.of) }, { signal });
    // A processor's own note.
    if (note !== undefined) notes.set(bundle, JSON.parse(note.text) as LastNote);
  });
  return notes;
}
