import type { RedriveMessage, RedriveSelection } from '../../elements/messages.ts';
import { FabricError } from '../../errors.ts';
import type { MessageQueue, OutgoingMessage } from '../../stores/message-queue.ts';
import type { StoreOptions } from '../../stores/object-store.ts';
import { readEnd } from '../notes/job-end.ts';
import { noteAllSent } from '../notes/intake-notes.ts';
import { ordinalOf } from '../commit/errors-line.ts';
import { inParallel } from '../in-parallel.ts';
import type { JobQueues, RecordedJob } from '../job-record.ts';
import { JOB_MAX_MILLIS, sendFinalize } from '../sending/send-finalize.ts';
import { folderNoteKey, lastNoteKey, manifestKey, stopKey } from '../output-layout.ts';
import type { OutputBucket } from '../fabric-ports.ts';
import { bundlesWithErrors, readFailuresOf } from './read-failures.ts';
import { PartReader } from '../commit/read-parts.ts';
import { noteRedrive } from '../notes/redrive-notes.ts';
import { bundleMessageOf } from '../sending/send-bundles.ts';

export interface RedriveJobOptions extends StoreOptions {
  readonly output: OutputBucket;
  /** The pipeline's queue of bundles. */
  readonly bundles: MessageQueue;
  readonly finalizer: MessageQueue;
  /** Their URLs, for a job whose note no longer has them. */
  readonly queues: JobQueues;
  /** Which failures; all, where it says nothing. */
  readonly select: RedriveSelection;
  /** Also a job that has no manifest yet: bundles that are only late are run twice. @default false */
  readonly unfinished?: boolean;
  readonly now: () => number;
}

/** Size of a redrive. */
export interface RedriveCounts {
  /** Elements that failed, and run again. */
  readonly failures: number;
  /** Bundles that those are of. */
  readonly bundles: number;
  /** Bundles that never got a part, and are sent again. */
  readonly missing: number;
  /** True if the finalizer will look at the job: also if nothing runs again and no manifest says it is complete. */
  readonly isLookedAt: boolean;
}

const REQUESTS_AT_ONCE = 32;

/**
 * Has failures of a job run again, and bundles that are missing altogether. Everything that says what is to be done is
 * written before the first message is sent: the finalizer waits for all of it, and it can be asked for any number of times.
 *
 * @throws FabricError `JOB_NOT_ENDED` for a job that has no manifest yet; UnplacedFailureError.
 */
export async function redriveJob(recorded: RecordedJob, options: RedriveJobOptions): Promise<RedriveCounts> {
  const { output, select, unfinished = false, signal } = options;
  const { job, folder } = recorded;
  const { store, bucket } = output;
  const manifest = await store.head({ bucket, key: manifestKey(recorded) }, { signal });
  if (manifest === undefined && !unfinished) throw new JobNotEndedError(folder);

  const selected = await selectBundles(recorded, options);
  const { parts } = await new PartReader(recorded, output).list({ signal });
  const missing = Array.from({ length: job.of }, (_, bundle) => bundle).filter((bundle) => !parts.has(bundle));
  const redriven = [...selected.keys()];
  const isNothing = redriven.length + missing.length === 0;
  // If all parts exist and no manifest says so, they came after it, or no finalizer looked again: one look is enough.
  const end = isNothing ? await readEnd(recorded, output, { signal }) : undefined;
  const isLookedAt = end?.status !== 'complete' && end?.status !== 'limited';
  const counts = {
    failures: [...selected.values()].reduce((sum, failures) => sum + failures, 0),
    bundles: redriven.length,
    missing: missing.length,
    isLookedAt,
  };
  if (!isLookedAt) return counts;

  await noteFolder(recorded, options);
  await store.delete({ bucket, key: stopKey(job) }, { signal });
  await noteAllSent(job, { ...output, signal });
  await inParallel([...redriven, ...missing], REQUESTS_AT_ONCE, (bundle) =>
    store.delete({ bucket, key: lastNoteKey(job, bundle, job.of) }, { signal }),
  );
  await inParallel(redriven, REQUESTS_AT_ONCE, (bundle) => noteRedrive({ job, bundle }, select, { ...output, signal }));
  await send(recorded, { redriven, missing }, options);
  return counts;
}

/** How many failures that are asked for a bundle has; those that have none are left out. */
async function selectBundles(
  recorded: RecordedJob,
  { output, select, signal }: RedriveJobOptions,
): Promise<ReadonlyMap<number, number>> {
  const selected = new Map<number, number>();
  const bundles = await bundlesWithErrors(recorded, { ...output, signal });
  await inParallel(bundles, REQUESTS_AT_ONCE, async (bundle) => {
    let failures = 0;
    for await (const { line } of readFailuresOf(recorded, { bundle, select }, { ...output, signal })) {
      ordinalOf(line);
      failures += 1;
    }
    if (failures > 0) selected.set(bundle, failures);
  });
  return new Map([...selected].sort(([a], [b]) => a - b));
}

/** Writes the note by which processors find the job: staging expires after 30 days. */
async function noteFolder(
  { job, folder, queues }: RecordedJob,
  { output: { store, bucket }, queues: named, signal }: RedriveJobOptions,
): Promise<void> {
  const note = { folder, queues: queues ?? named };
  await store.put({ bucket, key: folderNoteKey(job) }, JSON.stringify(note), { only: 'absent', signal });
}

async function send(
  recorded: RecordedJob,
  { redriven, missing }: { readonly redriven: readonly number[]; readonly missing: readonly number[] },
  { output, select, bundles, finalizer, now, signal }: RedriveJobOptions,
): Promise<void> {
  const { id, pipeline, of } = recorded.job;
  await sendFinalize(recorded.job, finalizer, { until: now() + JOB_MAX_MILLIS, redrive: true, signal });
  const messages = redriven.map((bundle): OutgoingMessage => {
    const message: RedriveMessage = { version: 1, kind: 'redrive', pipeline, job: id, bundle, of, select };
    return { body: JSON.stringify(message), groupId: id };
  });
  await bundles.send(messages, { signal });
  for (let first = 0; first < missing.length; first += REQUESTS_AT_ONCE) {
    const some = missing.slice(first, first + REQUESTS_AT_ONCE);
    await bundles.send(await Promise.all(some.map((bundle) => bundleMessageOf(recorded, bundle, output))), { signal });
  }
}

class JobNotEndedError extends FabricError {
  constructor(folder: string) {
    super('JOB_NOT_ENDED', `the job in ${folder} has not ended: it has no manifest yet`);
  }
}
