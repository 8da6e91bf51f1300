import { describeError, FabricError } from '../../errors.ts';
import type { StagingRoom } from '../../formats/input-limits.ts';
import type { GroupingBounds } from '../../formats/grouping/group-elements.ts';
import type { MessageQueue } from '../../stores/message-queue.ts';
import { s3Uri } from '../../stores/open-source.ts';
import { takenMillis } from '../come-again.ts';
import { readEnd } from '../notes/job-end.ts';
import { noteAllSent, writeIntakeNote } from '../notes/intake-notes.ts';
import type { Deadline, FabricPorts, PipelineFacts } from '../fabric-ports.ts';
import { handOn, type IntakeObject, type IntakeProgress, jobNameOf } from './intake-state.ts';
import { bundlesOf, type Job, type JobPlan, recordedParts } from '../job.ts';
import { findJob, type JobQueues, type RecordedJob, recordJob } from '../job-record.ts';
import { successKey } from '../output-layout.ts';
import { planStoredObject } from './plan-stored-object.ts';
import { JOB_MAX_MILLIS, sendFinalize } from '../sending/send-finalize.ts';
import { rejectObject } from './reject-object.ts';
import { sendBundles } from '../sending/send-bundles.ts';

export interface IntakeQueues {
  /** Intake's own: what one run cannot finish goes there. */
  readonly intake: MessageQueue;
  readonly finalizer: MessageQueue;
  /** By pipeline. */
  readonly bundles: Readonly<Record<string, MessageQueue>>;
}

export interface ObjectIntakeOptions extends FabricPorts {
  /** The buckets that objects may be in. */
  readonly inputBuckets: readonly string[];
  readonly pipelines: Readonly<Record<string, PipelineFacts>>;
  readonly queues: IntakeQueues;
  /** The URLs that are recorded with a job of a pipeline. */
  readonly jobQueues: (pipeline: string) => JobQueues;
  /** Returns what there is room for where decompressed bytes are staged. @default no bound */
  readonly stagingRoom?: (() => StagingRoom) | undefined;
  /** Memory bounds for grouping elements by key; other bounds are for tests. */
  readonly groupingBounds?: GroupingBounds | undefined;
  /** Number of receives after which intake's queue gives a message up. */
  readonly maxReceives: number;
  /** After so long a job ends, whatever is missing. @default 3 days */
  readonly jobMaxMillis?: number | undefined;
}

/** Work of intake on one object. */
export interface IntakeWork {
  readonly object: IntakeObject;
  readonly progress: IntakeProgress;
  readonly stalled: number;
}

/** The run that has an object before it. */
export interface IntakeAttempt {
  readonly deadline: Deadline;
  /** True if the run had most of its time left when it came to this object. */
  readonly hadTime: boolean;
  /** True if the queue gives up all messages that ask for the object if this run does not finish it. */
  readonly isLast: boolean;
}

/** A run with enough time that comes no further is tried once more, in case the store was slow. */
const MAX_STALLED = 2;

/**
 * Makes an object a job: plans it, records the plan once, and sends its bundles. All of it may be done again at any time,
 * by several at once: the first one records its plan, and the others send its bundles.
 */
export class ObjectIntake {
  readonly #options: ObjectIntakeOptions;

  constructor(options: ObjectIntakeOptions) {
    this.#options = options;
  }

  /** @throws FabricError whose disposition is `retry` where the stores are to blame. */
  async handle(work: IntakeWork, attempt: IntakeAttempt): Promise<void> {
    const { output } = this.#options;
    const found = await findJob(jobNameOf(work.object), output);
    if (found !== undefined) {
      const from = work.progress.kind === 'send' ? work.progress.from : 0;
      if (from === 0 && (await this.#hasEnded(found))) return;
      // Other messages that asked for it may have been given up, and this one goes on.
      if (!attempt.isLast) await noteAllSent(found.job, output);
      return this.#send(found, { object: work.object, from }, attempt);
    }
    const recorded = await this.#plan(work, attempt);
    if (recorded !== undefined) await this.#send(recorded, { object: work.object, from: 0 }, attempt);
  }

  /**
   * A job that has ended is not sent again, however late its event is delivered a second time: parts that came after its
   * manifest would be in none. What is missing in it comes by a redrive.
   */
  async #hasEnded(recorded: RecordedJob): Promise<boolean> {
    const { output } = this.#options;
    const success = await output.store.head({ bucket: output.bucket, key: successKey(recorded.folder) });
    return success !== undefined || (await readEnd(recorded, output)) !== undefined;
  }

  /** @returns the recorded job; undefined where another run is to go on, or the object was rejected. */
  async #plan(work: IntakeWork, { deadline, hadTime }: IntakeAttempt): Promise<RecordedJob | undefined> {
    const { object, progress } = work;
    const { output, inputBuckets, pipelines, stagingRoom, groupingBounds, queues } = this.#options;
    const facts = Object.hasOwn(pipelines, object.pipeline) ? pipelines[object.pipeline] : undefined;
    if (facts === undefined) return this.#reject(object, `the pipeline '${object.pipeline}' no longer exists`);
    const outcome = await planStoredObject(object, {
      input: facts.input,
      cohorts: facts.cohorts ?? [],
      output,
      inputBuckets,
      stagingRoom,
      groupingBounds,
      progress,
      stop: deadline.signal,
    }).catch((error: unknown) => ({ kind: 'failed', error }) as const);
    switch (outcome.kind) {
      case 'planned':
        return recordJob(jobOf(object, outcome.plan, facts), output, {
          queues: this.#options.jobQueues(object.pipeline),
        });
      case 'stopped': {
        const stalled = cameFurther(progress, outcome.progress) ? 0 : work.stalled + (hadTime ? 1 : 0);
        if (stalled >= MAX_STALLED) return this.#reject(object, TOO_SLOW);
        await handOn({ version: 1, object, progress: outcome.progress, stalled }, queues.intake, output);
        return undefined;
      }
      case 'failed':
        return this.#reject(object, reasonOf(outcome.error));
    }
  }

  async #reject(object: IntakeObject, reason: string): Promise<undefined> {
    await rejectObject(object, { reason, pipeline: object.pipeline }, this.#options);
  }

  /**
   * Sends the job's bundles. The finalizer is told first, so that a job whose bundles were not all sent comes to an end as
   * well; at the last receive a note says from which bundle on they may be missing.
   */
  async #send(recorded: RecordedJob, sending: Sending, { deadline, isLast }: IntakeAttempt): Promise<void> {
    if (!isLast) return this.#sendFrom(recorded, sending, deadline);
    const { output, now, telemetry } = this.#options;
    const { job } = recorded;
    let { from } = sending;
    const note = (next: number): Promise<void> => {
      from = next;
      return writeIntakeNote(job, { until: now() + takenMillis(deadline), from }, output);
    };
    await note(from);
    try {
      await this.#sendFrom(recorded, { ...sending, onSent: note }, deadline);
    } catch (error) {
      // The note that was left before does as well, only later.
      await writeIntakeNote(job, { until: now(), from, error: describeError(error) }, output).catch(
        (failure: unknown) =>
          telemetry.warn('a note on a job could not be written', { job: job.id, error: describeError(failure) }),
      );
      throw error;
    }
  }

  async #sendFrom(recorded: RecordedJob, { object, from, onSent }: Sending, deadline: Deadline): Promise<void> {
    const { output, now, telemetry, queues, jobMaxMillis = JOB_MAX_MILLIS } = this.#options;
    const { job, folder } = recorded;
    const queue = queues.bundles[job.pipeline];
    if (queue === undefined) return this.#reject(object, `the pipeline '${job.pipeline}' no longer exists`);
    if (from === 0) await sendFinalize(job, queues.finalizer, { until: now() + jobMaxMillis });
    const next = await sendBundles(recorded, { queue, output, from, deadline, ...(onSent && { onSent }) });
    if (onSent !== undefined) await noteAllSent(job, output);
    if (next === undefined) {
      telemetry.info('job sent', { pipeline: job.pipeline, job: job.id, folder, bundles: job.of });
      return;
    }
    await handOn({ version: 1, object, progress: { kind: 'send', from: next }, stalled: 0 }, queues.intake, output);
  }
}

/** Bundles of an object's job that are to be sent. */
interface Sending {
  readonly object: IntakeObject;
  readonly from: number;
  readonly onSent?: (next: number) => Promise<void>;
}

function jobOf(object: IntakeObject, plan: JobPlan, { input, output, config }: PipelineFacts): Job {
  const { job: id, pipeline, name, bucket, key, versionId, etag } = object;
  const version = versionId === undefined ? {} : { versionId };
  const source = { uri: s3Uri(bucket, key), ...version, etag, format: input.format };
  return { version: 1, id, pipeline, name, source, of: bundlesOf(plan), plan, ...recordedParts(output), config };
}

function cameFurther(before: IntakeProgress, after: IntakeProgress): boolean {
  return furthest(after) > furthest(before);
}

/** More than any plan has bundles: grouping comes after it. */
const GROUPING = 2 ** 40;

function furthest(progress: IntakeProgress): number {
  switch (progress.kind) {
    case 'plan':
      return progress.plan?.starts.length ?? 0;
    case 'group':
      return GROUPING + progress.state.written;
    case 'list':
      return progress.count;
    case 'send':
      return progress.from;
  }
}

const TOO_SLOW =
  'the object could not be read in the time of one run of the function: what is compressed, a manifest, and an element that is very large must be read by one';

/** Why an object makes no job. @throws the error where the object is not to blame for it */
function reasonOf(error: unknown): string {
  if (!(error instanceof FabricError) || error.disposition === 'retry' || error.disposition === 'throttle') throw error;
  if (error.name === 'SourceGone')
    return `gone: the object was deleted or replaced before it was read. ${error.message}`;
  return error.message;
}
