import type { FabricError } from '../../errors.ts';
import { bundleRange } from '../../formats/plan.ts';
import type { BundleSummary, OutcomeChunk } from '../../inference/bundle.ts';
import { asksEndpoints } from '../../config/pipeline-models.ts';
import { AnswerJournal } from '../../inference/engine/answer-journal.ts';
import { decodeEntries, encodeEntries } from '../../inference/engine/journal-bytes.ts';
import type { InferenceEngine, ProcessOptions } from '../../inference/engine/engine.ts';
import { Backoff } from '../../time/backoff.ts';
import { SYSTEM_CLOCK } from '../../time/clock.ts';
import { waitFor } from '../../time/wait-for.ts';
import { isStoreBusy } from '../../stores/patience.ts';
import { count, emptyTally, type Tally } from '../../inference/tally.ts';
import { limitReason } from '../failure-limits.ts';
import { bundleOf, isLimited, type Job } from '../job.ts';
import type { JobEnd, MissingBundle } from '../manifest.ts';
import type { PartNote } from '../part-note.ts';
import { type FolderNames, partName } from '../part-names.ts';
import { FailureWatch } from './failure-watch.ts';
import { type EngineTurn, EngineTurns } from './engine-turns.ts';
import type { JobOutput, StagedPart } from './run-output.ts';
import { describeLoss, expectUnchanged, isSourceLost } from './source-change.ts';

/** Events of a run in progress. */
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
export interface JobResult extends JobEnd {
  readonly job: Job;
  /** The folder of results: its path, or its URI. */
  readonly folder: string;
  /** Names of the files in it. */
  readonly names: FolderNames;
  readonly notes: readonly PartNote[];
  /** Outcomes of bundles that were cancelled when the job was stopped: they are not in any part. */
  readonly cutOff: Tally;
}

/** Bundles of an engine's queue for each worker: one that it works on, one whose reading starts when that is read. */
const BUNDLES_PER_WORKER = 2;
/** Bundles beside these whose staging is opened, or whose parts are committed: they wait for the file system. */
const BUNDLES_BESIDE = 8;

/** Time that an interrupted run waits for requests to endpoints in flight: they are paid for. */
const DRAIN_MILLIS = 2000;

/** Between attempts at a bundle whose store asks for a slower pace. */
const STORE_BACKOFF = new Backoff({ firstMillis: 5000, maxMillis: 60_000 });

/** The state of one job while its bundles run, in any order. */
interface OpenJob {
  readonly output: JobOutput;
  readonly notes: PartNote[];
  readonly counts: { total: number; failed: number };
  readonly watch: FailureWatch;
  readonly missing: MissingBundle[];
  readonly cutOff: Tally;
  /** Aborted to cancel the bundles of the job that are in flight. */
  readonly stop: AbortController;
  left: number;
  /** Reason that no more of its bundles are started. */
  reason: string | undefined;
}

function openJob(output: JobOutput, { pipeline }: InferenceEngine): OpenJob {
  return {
    output,
    notes: [],
    counts: { total: 0, failed: 0 },
    watch: new FailureWatch(pipeline),
    missing: [],
    cutOff: emptyTally(),
    stop: new AbortController(),
    left: output.job.of,
    reason: undefined,
  };
}

/**
 * Runs all bundles of all jobs that are not committed yet, several at a time, and ends each job when its last bundle
 * is committed: the manifest, then `_SUCCESS`. A job past its failure limits is stopped, and one whose source is gone or
 * changed is incomplete.
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
  const turns = new EngineTurns(engine.workers * BUNDLES_PER_WORKER);
  const running = new Set<Promise<void>>();
  let firstError: unknown;

  const start = (job: OpenJob, index: number): void => {
    const run = inTurn(turns, (turn) => runBundle({ job, index, engine, turn, options: { ...options, signal } }))
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
      const job = openJob(output, engine);
      if (job.left === 0) finished.push(await finish(job));
      for (let index = 0; index < output.job.of && !signal.aborted; index += 1) {
        start(job, index);
        if (running.size >= engine.workers * BUNDLES_PER_WORKER + BUNDLES_BESIDE) await Promise.race(running);
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

/** One bundle of a job, and what runs it. */
interface BundleRun {
  readonly job: OpenJob;
  readonly index: number;
  readonly engine: InferenceEngine;
  /** Its turn in the engine. */
  readonly turn: EngineTurn;
  readonly options: RunBundleOptions;
}

/** Runs work when its turn has come: bundles begin in order, since the first failures of a job can stop it. */
async function inTurn<Result>(turns: EngineTurns, work: (turn: EngineTurn) => Promise<Result>): Promise<Result> {
  const turn = await turns.next();
  try {
    return await work(turn);
  } finally {
    turn.end();
  }
}

/** @returns whether it was the last of its job. */
async function runBundle(run: BundleRun): Promise<boolean> {
  const { job, index, engine, options } = run;
  const committed = await job.output.committed(index);
  if (committed !== undefined) job.watch.addPart(committed);
  const note = committed ?? (job.reason === undefined ? await tryBundle(run) : undefined);
  if (note !== undefined) {
    options.onPart?.(note, committed !== undefined);
    const { counts } = job;
    job.notes[index] = note;
    counts.total += note.elements;
    counts.failed += note.elements - note.succeeded;
    job.reason ??= limitReason(counts, engine.pipeline);
  }
  job.left -= 1;
  return job.left === 0;
}

/** Runs a bundle. @returns undefined if it was cancelled because its job was stopped, or can no longer be read. */
async function tryBundle(run: BundleRun): Promise<PartNote | undefined> {
  const { job, index, options } = run;
  for (let backoff = STORE_BACKOFF, told = 0; ; backoff = backoff.next()) {
    const seen = emptyTally();
    try {
      return await processBundle(run, { seen, told });
    } catch (error) {
      if (error === job.stop.signal.reason) {
        add(seen, job.cutOff);
        return undefined;
      }
      if (!isStoreBusy(error)) {
        if (!isSourceLost(error)) throw error;
        job.missing.push(missingBundle(job.output.job, index, error));
        return undefined;
      }
      told = Math.max(told, seen.total);
      await waitFor(backoff.delayMillis(Math.random), { clock: SYSTEM_CLOCK, signal: options.signal });
    }
  }
}

function missingBundle({ plan, of, parts }: Job, index: number, error: FabricError): MissingBundle {
  const name = partName(index, of, parts);
  if (plan.kind !== 'object') return { name, error: describeLoss(error) };
  const { start, end } = bundleRange(plan.object, index);
  return { name, range: { start, end }, error: describeLoss(error) };
}

/** Outcomes of one attempt at a bundle. */
interface SeenOutcomes {
  readonly seen: Tally;
  /** Number of the bundle's first elements whose outcomes an earlier attempt has reported. */
  readonly told: number;
}

async function processBundle(
  { job, index, engine, turn, options }: BundleRun,
  { seen, told }: SeenOutcomes,
): Promise<PartNote> {
  const { output, stop } = job;
  await expectUnchanged(output.job);
  const { part, receives } = await output.stage(index);
  await using staged = part;
  const bundle = { ...bundleOf(output.job, index, output.chunkPath(index)), receives, needsSource: true };
  const sink = {
    async write(chunk: OutcomeChunk): Promise<void> {
      count(seen, chunk);
      const isTold = seen.total <= told;
      const reason = isTold ? undefined : job.watch.add(chunk);
      await staged.write(chunk);
      if (!isTold) options.onOutcomes?.(chunk);
      if (reason !== undefined) stopNow(job, reason);
    },
  };
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const summary = await runKeepingAnswers(staged, engine, (journal) =>
    engine.process(bundle, sink, { signal, ...journal }),
  );
  // From here on it only waits for the file system.
  turn.end();
  await expectUnchanged(output.job);
  // It is disposed of when this is done.
  return await staged.commit(summary);
}

/** Stops a job, and cancels its bundles in flight: their results would not be used. */
function stopNow(job: OpenJob, reason: string): void {
  job.reason ??= reason;
  job.stop.abort(new Error(reason));
}

function add(seen: Tally, to: Tally): void {
  to.total += seen.total;
  to.succeeded += seen.succeeded;
  to.failed += seen.failed;
  for (const [stage, failed] of Object.entries(seen.failedByStage))
    to.failedByStage[stage] = (to.failedByStage[stage] ?? 0) + failed;
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
  const { output, cutOff } = job;
  const notes = job.notes.filter((note) => note !== undefined);
  const end = endOf(job);
  await output.finish(end, notes);
  return { job: output.job, folder: output.folder, names: output.names, notes, cutOff, ...end };
}

function endOf({ output, reason, missing }: OpenJob): JobEnd {
  if (reason !== undefined) return { status: 'stopped', reason, missing };
  if (missing.length > 0) {
    return { status: 'incomplete', missing: missing.toSorted((one, other) => (one.name < other.name ? -1 : 1)) };
  }
  return { status: isLimited(output.job) ? 'limited' : 'complete' };
}
