import { FabricError } from '../../errors.ts';
import type { BundleSummary, OutcomeChunk } from '../../inference/bundle.ts';
import { asksEndpoints } from '../../config/pipeline-models.ts';
import { AnswerJournal, decodeEntries, encodeEntries } from '../../inference/answer-journal.ts';
import type { InferenceEngine, ProcessOptions } from '../../inference/engine.ts';
import { isPastLimits } from '../finalizing/failure-limits.ts';
import { bundleOf, type Job } from '../job.ts';
import type { JobStatus, PartNote } from '../manifest.ts';
import type { JobOutput, StagedPart } from './run-output.ts';

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

type RunBundleOptions = RunJobsOptions & { readonly signal: AbortSignal };

/** How a job ended. */
export interface JobResult {
  readonly job: Job;
  /** The folder of results: its path, or its URI. */
  readonly folder: string;
  readonly status: JobStatus;
  readonly notes: readonly PartNote[];
}

/** Bundles of an engine's queue for each worker: one that it works on, one whose reading starts when that is read. */
const BUNDLES_PER_WORKER = 2;

/** A run that is ended waits so long for requests to endpoints that are under way: they are paid for. */
const DRAIN_MILLIS = 2000;

/** The state of one job while its bundles run, in any order. */
interface OpenJob {
  readonly output: JobOutput;
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
  outputs: AsyncIterable<JobOutput>,
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
    for await (const output of outputs) {
      options.onJob?.(output.job);
      const job: OpenJob = { output, notes: [], counts: { total: 0, failed: 0 }, left: output.job.of, stopped: false };
      if (job.left === 0) finished.push(await finish(job));
      for (let index = 0; index < output.job.of && !signal.aborted; index += 1) {
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
  options: RunBundleOptions,
): Promise<boolean> {
  const { output, counts } = job;
  const committed = await output.committed(index);
  if (committed !== undefined || !job.stopped) {
    const note = committed ?? (await processBundle(output, index, engine, options));
    options.onPart?.(note, committed !== undefined);
    job.notes[index] = note;
    counts.total += note.elements;
    counts.failed += note.elements - note.succeeded;
    job.stopped ||= isPastLimits(counts, engine.pipeline);
  }
  job.left -= 1;
  return job.left === 0;
}

/** A source that goes away in mid-bundle takes the bundle's other outcomes with it: its range is one failure. */
async function processBundle(
  ...work: [output: JobOutput, index: number, engine: InferenceEngine, options: RunBundleOptions]
): Promise<PartNote> {
  try {
    return await processOnce(...work);
  } catch (error) {
    if (!(error instanceof FabricError) || error.code !== 'SOURCE_GONE') throw error;
    return processOnce(...work);
  }
}

async function processOnce(
  output: JobOutput,
  index: number,
  engine: InferenceEngine,
  options: RunBundleOptions,
): Promise<PartNote> {
  const { part, receives } = await output.stage(index);
  await using staged = part;
  const bundle = { ...bundleOf(output.job, index, output.chunkPath(index)), receives };
  const sink = {
    async write(chunk: OutcomeChunk): Promise<void> {
      await staged.write(chunk);
      options.onOutcomes?.(chunk);
    },
  };
  const summary = await runKeepingAnswers(staged, engine, (journal) =>
    engine.process(bundle, sink, { signal: options.signal, ...journal }),
  );
  // It is disposed of when this is done.
  return await staged.commit(summary);
}

/** Where a run ends in order before a bundle is done, what remote models answered for it is kept for the next one. */
async function runKeepingAnswers(
  staged: StagedPart,
  { pipeline }: InferenceEngine,
  run: (options: ProcessOptions) => Promise<BundleSummary>,
): Promise<BundleSummary> {
  if (!asksEndpoints(pipeline)) return run({});
  const journal = new AnswerJournal(decodeEntries((await staged.answers()) ?? new Uint8Array()), { keepsAll: true });
  try {
    return await run({ journal, drainMillis: DRAIN_MILLIS });
  } catch (error) {
    if (journal.hasNewAnswers) await staged.keepAnswers(encodeEntries(journal.entriesFrom(0)));
    throw error;
  }
}

async function finish(job: OpenJob): Promise<JobResult> {
  const notes = job.notes.filter((note) => note !== undefined);
  const status: JobStatus = job.stopped && notes.length < job.output.job.of ? 'stopped' : 'complete';
  await job.output.finish(status, notes);
  return { job: job.output.job, folder: job.output.folder, status, notes };
}
