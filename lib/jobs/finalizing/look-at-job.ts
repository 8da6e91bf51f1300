import type { FinalizeMessage } from '../../elements/messages.ts';
import type { StoreOptions } from '../../stores/object-store.ts';
import { type FailureLimits, hasLimits, isPastLimits } from './failure-limits.ts';
import { listLastNotes, readLastNotes } from './last-notes.ts';
import type { Job } from '../job.ts';
import { type JobStatus, MAX_NAMED_MISSING, type MissingBundle } from '../manifest.ts';
import { stopKey } from '../output-layout.ts';
import type { CommittedPart, OutputBucket } from '../commit/part-metadata.ts';
import { partName } from '../part-names.ts';
import type { PartList, PartReader } from '../commit/read-parts.ts';
import { openRedrives } from '../redrive/redrive-notes.ts';

/** What a look at a job found: bundles may still be committed, or this is all that there will be. */
export type SeenJob =
  | { readonly kind: 'open'; readonly parts: number; readonly isStopped: boolean }
  | {
      readonly kind: 'ended';
      readonly status: JobStatus;
      readonly list: PartList;
      readonly parts: ReadonlyMap<number, CommittedPart>;
      readonly missing: readonly MissingBundle[];
      /** Redrives that nobody will do any more. */
      readonly abandoned: readonly number[];
    };

export interface LookOptions extends StoreOptions {
  readonly message: FinalizeMessage;
  readonly limits: FailureLimits;
  readonly output: OutputBucket;
  readonly now: () => number;
}

/** Looks at what is committed of a job, and at the notes on what is not; puts the stop note where too much has failed. */
export async function lookAtJob(reader: PartReader, options: LookOptions): Promise<SeenJob> {
  const { message, limits, output, signal } = options;
  const { job } = reader.recorded;
  // What must be there by a time, or once a note is gone, is looked for after that.
  const lookedAt = options.now();
  const isOver = lookedAt >= message.until;
  const notes = { job, output, lookedAt, signal };
  const redrives = message.redrive === true ? await openRedrives(job, output, { signal }) : [];
  const isRedriven = !isOver && !(await areParked(redrives, notes));
  const list = await reader.list({ signal });
  const isLimited = message.redrive !== true && hasLimits(limits);
  const parts = isLimited ? await reader.read(list, { signal }) : undefined;
  const there: ReadonlyMap<number, unknown> = parts ?? list.parts;
  const isOpen = isRedriven || (!isOver && !(await areParked(missingOf(job, there), notes)));

  const isStopped = isOpen && parts !== undefined && (await stop(job.id, countsOf(parts), options));
  if (isOpen && !(isStopped && message.parts === there.size)) return { kind: 'open', parts: there.size, isStopped };
  const read = parts ?? (await reader.read(list, { signal }));
  // What stands under the name of a part is another job's: this one's may still come.
  if (read.size < there.size && !isOver) return { kind: 'open', parts: read.size, isStopped };
  const missing = missingOf(job, read);
  const status = missing.length === 0 ? 'complete' : isStopped ? 'stopped' : 'incomplete';
  return { kind: 'ended', status, list, parts: read, missing: await named(missing, notes), abandoned: redrives };
}

function missingOf({ of }: Job, there: ReadonlyMap<number, unknown>): readonly number[] {
  const missing: number[] = [];
  for (let bundle = 0; bundle < of; bundle += 1) if (!there.has(bundle)) missing.push(bundle);
  return missing;
}

interface NotesOptions extends StoreOptions {
  readonly job: Job;
  readonly output: OutputBucket;
  readonly lookedAt: number;
}

/** Whether all of these bundles have been taken for the last time, and that time is over. */
async function areParked(
  bundles: readonly number[],
  { job, output, lookedAt, signal }: NotesOptions,
): Promise<boolean> {
  if (bundles.length === 0) return true;
  const noted = await listLastNotes(job, output, { signal });
  if (!bundles.every((bundle) => noted.has(bundle))) return false;
  const last = await readLastNotes(job, bundles, output, { signal });
  return bundles.every((bundle) => lookedAt > (last.get(bundle)?.until ?? Infinity));
}

async function named(
  missing: readonly number[],
  { job, output, signal }: NotesOptions,
): Promise<readonly MissingBundle[]> {
  const noted = missing.length === 0 ? new Set() : await listLastNotes(job, output, { signal });
  const explained = missing.slice(0, MAX_NAMED_MISSING).filter((bundle) => noted.has(bundle));
  const last = await readLastNotes(job, explained, output, { signal });
  return missing.map((bundle) => {
    const error = last.get(bundle)?.error;
    return { name: partName(bundle, job.of), ...(error === undefined ? {} : { error }) };
  });
}

/** @returns whether the job is stopped, by this look or one before it. */
async function stop(
  job: string,
  counts: { readonly total: number; readonly failed: number },
  { limits, output: { store, bucket }, signal }: LookOptions,
): Promise<boolean> {
  // Counts of parts only grow, so that a job that was past its limits once stays past a number, if not past a ratio.
  const address = { bucket, key: stopKey(job) };
  if ((await store.head(address, { signal })) !== undefined) return true;
  if (!isPastLimits(counts, limits)) return false;
  await store.put(address, '', { only: 'absent', signal });
  return true;
}

function countsOf(parts: ReadonlyMap<number, CommittedPart>): { readonly total: number; readonly failed: number } {
  let total = 0;
  let failed = 0;
  for (const { note } of parts.values()) {
    total += note.elements;
    failed += note.elements - note.succeeded;
  }
  return { total, failed };
}
