import type { FinalizeMessage } from '../../elements/messages.ts';
import type { StoreOptions } from '../../stores/object-store.ts';
import { type FailureLimits, hasLimits, LEAST_OUTCOMES, stopReason, stopsWhenAllFail } from '../failure-limits.ts';
import { listLastNotes, readLastNotes } from '../notes/last-notes.ts';
import { readUnsent, type UnsentBundles } from '../notes/intake-notes.ts';
import { isLimited, type Job } from '../job.ts';
import { countParts, type JobEnd, MAX_NAMED_MISSING, type MissingBundle, type PartCounts } from '../manifest.ts';
import { stopKey } from '../output-layout.ts';
import type { CommittedPart } from '../commit/part-metadata.ts';
import type { OutputBucket } from '../fabric-ports.ts';
import { partName } from '../part-names.ts';
import type { PartList, PartReader } from '../commit/read-parts.ts';
import { openRedrives } from '../notes/redrive-notes.ts';

/** Result of a look at a job: bundles may still be committed, or these parts are all. */
export type SeenJob =
  | { readonly kind: 'open'; readonly parts: number; readonly isStopped: boolean }
  | {
      readonly kind: 'ended';
      readonly end: JobEnd;
      readonly list: PartList;
      readonly parts: ReadonlyMap<number, CommittedPart>;
      /** Bundles whose redrives are given up. */
      readonly abandoned: readonly number[];
    };

/** Number of parts that are read first to see whether all elements fail, and its growth until that is decided. */
const FIRST_READ = 1;
const READ_GROWTH = 4;

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
  // Time and redrive notes are read before the parts that must be there by then.
  const lookedAt = options.now();
  const isOver = lookedAt >= message.until;
  const notes = { job, output, lookedAt, signal };
  const redrives = message.redrive === true ? await openRedrives(job, { ...output, signal }) : [];
  const isRedriven = !isOver && !(await areParked(redrives, notes));
  const list = await reader.list({ signal });
  const isWatched = message.redrive !== true;
  const parts = isWatched && hasLimits(limits) ? await reader.read(list, { signal }) : undefined;
  const there: ReadonlyMap<number, unknown> = parts ?? list.parts;
  const isComplete = there.size === job.of;
  const unsent = isComplete ? undefined : await readUnsent(job, notes);
  const isQuiet = message.parts === there.size;
  const isOpen =
    isRedriven || (!isOver && !isComplete && (await isAwaited(missingOf(job, there), { ...notes, unsent, isQuiet })));

  const isStopped =
    isOpen && isWatched && (await stop(job, await countsToWatch(reader, { list, parts }, options), options));
  if (isOpen && !(isStopped && isQuiet)) return { kind: 'open', parts: there.size, isStopped };
  const read = parts ?? (await reader.read(list, { signal }));
  // An object with the name of a part is another job's: this one's may still come.
  if (read.size < there.size && !isOver) return { kind: 'open', parts: read.size, isStopped };
  const missing = await named(missingOf(job, read), { ...notes, unsent });
  return {
    kind: 'ended',
    end: endOf(job, { parts: read, missing }, { limits, isStopped }),
    list,
    parts: read,
    abandoned: redrives,
  };
}

/** Returns the end of a job that has these parts and will get no others. */
function endOf(
  job: Job,
  {
    parts,
    missing,
  }: { readonly parts: ReadonlyMap<number, CommittedPart>; readonly missing: readonly MissingBundle[] },
  { limits, isStopped }: { readonly limits: FailureLimits; readonly isStopped: boolean },
): JobEnd {
  const reason = stopReason(countsOf(parts), limits);
  if (missing.length > 0) return isStopped ? { status: 'stopped', reason, missing } : { status: 'incomplete', missing };
  if (reason !== undefined) return { status: 'stopped', reason };
  return { status: isLimited(job) ? 'limited' : 'complete' };
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

/** Returns whether any of these bundles may still get a part. */
async function isAwaited(
  missing: readonly number[],
  {
    unsent,
    isQuiet,
    ...notes
  }: NotesOptions & { readonly unsent: UnsentBundles | undefined; readonly isQuiet: boolean },
): Promise<boolean> {
  const sent = missing.filter((bundle) => bundle < (unsent?.from ?? Infinity));
  // An earlier attempt of intake may have sent more of them: parts come as long as these are processed.
  if (sent.length < missing.length && !isQuiet) return true;
  return !(await areParked(sent, notes));
}

/** True if all of these bundles have been taken for the last time, and that time is over. */
async function areParked(
  bundles: readonly number[],
  { job, output, lookedAt, signal }: NotesOptions,
): Promise<boolean> {
  if (bundles.length === 0) return true;
  const noted = await listLastNotes(job, { ...output, signal });
  if (!bundles.every((bundle) => noted.has(bundle))) return false;
  const last = await readLastNotes(job, bundles, { ...output, signal });
  return bundles.every((bundle) => lookedAt > (last.get(bundle)?.until ?? Infinity));
}

async function named(
  missing: readonly number[],
  { job, output, unsent, signal }: NotesOptions & { readonly unsent: UnsentBundles | undefined },
): Promise<readonly MissingBundle[]> {
  const noted = missing.length === 0 ? new Set() : await listLastNotes(job, { ...output, signal });
  const explained = missing.slice(0, MAX_NAMED_MISSING).filter((bundle) => noted.has(bundle));
  const last = await readLastNotes(job, explained, { ...output, signal });
  return missing.map((bundle) => {
    const error = last.get(bundle)?.error ?? (unsent !== undefined && bundle >= unsent.from ? unsent.error : undefined);
    return { name: partName(bundle, job.of, job.parts), ...(error === undefined ? {} : { error }) };
  });
}

/** @returns whether the job is stopped, by this look or one before it. */
async function stop(
  job: Job,
  counts: PartCounts | undefined,
  { limits, output: { store, bucket }, signal }: LookOptions,
): Promise<boolean> {
  if (counts === undefined) return false;
  // Counts of parts only grow, so that a job that was past its limits once stays past a number, if not past a ratio.
  const address = { bucket, key: stopKey(job) };
  if ((await store.head(address, { signal })) !== undefined) return true;
  if (stopReason(counts, limits) === undefined) return false;
  await store.put(address, '', { only: 'absent', signal });
  return true;
}

/**
 * Returns the counts that decide whether a job is stopped: of all parts if its pipeline has limits, otherwise of enough
 * parts to see whether all elements fail. Undefined if the job can't be stopped.
 */
async function countsToWatch(
  reader: PartReader,
  { list, parts }: { readonly list: PartList; readonly parts: ReadonlyMap<number, CommittedPart> | undefined },
  { limits, signal }: LookOptions,
): Promise<PartCounts | undefined> {
  if (parts !== undefined) return countsOf(parts);
  if (!stopsWhenAllFail(limits)) return undefined;
  for (let some = FIRST_READ; ; some *= READ_GROWTH) {
    const first = new Map([...list.parts].slice(0, some));
    const counts = countsOf(await reader.read({ ...list, parts: first }, { signal }));
    if (counts.succeeded > 0 || counts.total >= LEAST_OUTCOMES || some >= list.parts.size) return counts;
  }
}

function countsOf(parts: ReadonlyMap<number, CommittedPart>): PartCounts {
  return countParts([...parts.values()].map(({ note }) => note));
}
