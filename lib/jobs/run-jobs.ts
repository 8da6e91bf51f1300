import type { OutcomeChunk } from '../inference/bundle.ts';
import type { InferenceEngine } from '../inference/engine.ts';
import { isPastLimits } from './failure-limits.ts';
import { bundleOf, type Job } from './job.ts';
import type { JobFolder } from './job-folder.ts';
import type { JobStatus, PartNote } from './manifest.ts';

/** What a run tells while it goes on. */
export interface RunProgress {
  /** A job's plan is known, and its bundles come next. */
  onJob?(job: Job): void;
  /** Outcomes that a bundle gave, just written. */
  onOutcomes?(chunk: OutcomeChunk): void;
  /** A part that is committed; `resumed`: by an earlier run. */
  onPart?(note: PartNote, resumed: boolean): void;
}

export interface RunJobsOptions extends RunProgress {
  readonly signal?: AbortSignal;
}

/** How a job ended. */
export interface JobResult {
  readonly folder: JobFolder;
  readonly status: JobStatus;
  readonly notes: readonly PartNote[];
}

/** Bundles of an engine's queue for each worker: one that it works on, one whose reading starts when that is read. */
const BUNDLES_PER_WORKER = 2;

/** The state of one job while its bundles run, in any order. */
interface OpenJob {
  readonly folder: JobFolder;
  readonly notes: PartNote[];
  readonly counts: { total: number; failed: number };
  left: number;
  stopped: boolean;
}

/**
 * Runs all bundles of all jobs that are not committed yet, several at a time, and ends each job when its last bundle
 * is committed: the manifest, then `_SUCCESS`. A job past its failure limits is stopped.
 *
 * @throws the first error that is not an element's; committed parts stay, for another run to go on from.
 */
export async function* runJobs(
  folders: AsyncIterable<JobFolder>,
  engine: InferenceEngine,
  options: RunJobsOptions = {},
): AsyncGenerator<JobResult> {
  const failure = new AbortController();
  const signal = options.signal === undefined ? failure.signal : AbortSignal.any([options.signal, failure.signal]);
  const finished: JobResult[] = [];
  const running = new Set<Promise<void>>();
  let firstError: unknown;

  const start = (job: OpenJob, index: number): void => {
    const run = runBundle(job, index, engine, { ...options, signal })
      .then(async (isLast) => {
        if (isLast) finished.push(await finish(job));
      })
      .catch((error: unknown) => {
        firstError ??= error;
        failure.abort();
      })
      .finally(() => running.delete(run));
    running.add(run);
  };

  try {
    for await (const folder of folders) {
      options.onJob?.(folder.job);
      const job: OpenJob = { folder, notes: [], counts: { total: 0, failed: 0 }, left: folder.job.of, stopped: false };
      if (job.left === 0) finished.push(await finish(job));
      for (let index = 0; index < folder.job.of && !signal.aborted; index += 1) {
        start(job, index);
        if (running.size >= engine.workers * BUNDLES_PER_WORKER) await Promise.race(running);
      }
      yield* finished.splice(0);
      if (signal.aborted) break;
    }
    await Promise.all(running);
  } finally {
    failure.abort();
    await Promise.all(running);
  }
  if (firstError !== undefined) throw firstError;
  options.signal?.throwIfAborted();
  yield* finished;
}

/** @returns whether it was the last of its job. */
async function runBundle(
  job: OpenJob,
  index: number,
  engine: InferenceEngine,
  options: RunJobsOptions & { readonly signal: AbortSignal },
): Promise<boolean> {
  const { folder, counts } = job;
  const committed = await folder.committed(index);
  if (committed !== undefined || !job.stopped) {
    const note = committed ?? (await processBundle(folder, index, engine, options));
    options.onPart?.(note, committed !== undefined);
    job.notes[index] = note;
    counts.total += note.elements;
    counts.failed += note.elements - note.succeeded;
    job.stopped ||= isPastLimits(counts, engine.pipeline);
  }
  job.left -= 1;
  return job.left === 0;
}

async function processBundle(
  folder: JobFolder,
  index: number,
  engine: InferenceEngine,
  options: RunJobsOptions & { readonly signal: AbortSignal },
): Promise<PartNote> {
  const { part, receives } = await folder.stage(index);
  await using staged = part;
  const bundle = { ...bundleOf(folder.job, index, folder.chunkPath(index)), receives };
  const sink = {
    async write(chunk: OutcomeChunk): Promise<void> {
      await staged.write(chunk);
      options.onOutcomes?.(chunk);
    },
  };
  const summary = await engine.process(bundle, sink, { signal: options.signal });
  return staged.commit(summary);
}

async function finish(job: OpenJob): Promise<JobResult> {
  const notes = job.notes.filter((note) => note !== undefined);
  const status: JobStatus = job.stopped && notes.length < job.folder.job.of ? 'stopped' : 'complete';
  await job.folder.finish(status, notes);
  return { folder: job.folder, status, notes };
}
