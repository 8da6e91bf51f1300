import { type FinalizeMessage, InvalidMessageError, parseMessage } from '../../elements/messages.ts';
import { FabricError } from '../../errors.ts';
import type { MessageQueue, ReceivedMessage } from '../../stores/message-queue.ts';
import { s3Uri } from '../../stores/open-source.ts';
import type { FabricCounter } from '../../telemetry/telemetry.ts';
import { comeAgainLater, hideForRun } from '../come-again.ts';
import { endJob } from './end-job.ts';
import { readEnd } from '../notes/job-end.ts';
import type { Deadline, FabricPorts, JobEvent, PipelineFacts } from '../fabric-ports.ts';
import { findJob, type RecordedJob } from '../job-record.ts';
import { lookAtJob } from './look-at-job.ts';
import type { JobStatus, Manifest } from '../manifest.ts';
import { manifestKey } from '../output-layout.ts';
import { PartReader } from '../commit/read-parts.ts';

/** A pipeline, as a finalizer knows it. */
export interface FinalizedPipeline {
  readonly facts: Pick<PipelineFacts, 'maxFailures' | 'maxFailureRatio'>;
  readonly deadLetters: MessageQueue;
}

export interface FinalizerOptions extends FabricPorts {
  /** Where its own messages come from. */
  readonly queue: MessageQueue;
  readonly pipelines: Readonly<Record<string, FinalizedPipeline>>;
  /** Publishes the end of a job; may be called more than once for the same end. */
  notify(event: JobEvent): Promise<void>;
}

/** Jobs whose parts are remembered from one look to the next. */
const MAX_REMEMBERED_JOBS = 8;
/** Maximum looks at a job that other finalizers end in between. */
const MAX_LOOKS = 10;
const LEAST_DELAY_SECS = 5;
const MOST_DELAY_SECS = 60;
const DELAY_GROWTH = 1.5;

const COUNTERS: Readonly<Record<JobStatus, FabricCounter>> = {
  complete: 'jobs_complete',
  limited: 'jobs_complete',
  incomplete: 'jobs_incomplete',
  stopped: 'jobs_stopped',
};

/**
 * Ends jobs. A message is one look at a job: it ends the job, or sends a message for a later look.
 *
 * Any number of finalizers may look at a job at once, and any message may come twice: each compares what it read with the
 * manifest that was there before it began to read, and looks again where another one has written since. Its memory of
 * parts saves reading, and nothing depends on it.
 */
export class Finalizer {
  readonly #options: FinalizerOptions;
  readonly #readers = new Map<string, PartReader>();

  constructor(options: FinalizerOptions) {
    this.#options = options;
  }

  /** @throws where the look could not be done: the message has to come again. */
  async process(message: ReceivedMessage, deadline: Deadline): Promise<void> {
    try {
      const look = finalizeMessageOf(message);
      await hideForRun(message, deadline, this.#options);
      await this.#process(look, deadline);
    } catch (error) {
      await comeAgainLater(message, this.#options);
      throw error;
    }
  }

  async #process(look: FinalizeMessage, { signal }: Deadline): Promise<void> {
    const { output, telemetry, now } = this.#options;
    const recorded = await findJob({ pipeline: look.pipeline, id: look.job }, output, { signal });
    if (recorded === undefined) {
      if (now() < look.until) throw new JobNotFoundError(look.job);
      telemetry.error('a job has no record, and nothing is known of it', { job: look.job, pipeline: look.pipeline });
      return;
    }
    for (let looks = 0; looks < MAX_LOOKS; looks += 1) {
      const address = { bucket: output.bucket, key: manifestKey(recorded) };
      const there = await output.store.head(address, { signal });
      const end =
        there === undefined || look.redrive === true ? undefined : await readEnd(recorded, output, { signal });
      // The event may not have been sent, or this message comes again.
      if (end !== undefined) return this.#announce(recorded, end);
      const manifest = await this.#look(recorded, look, { manifestEtag: there?.etag, signal });
      if (manifest === 'wait') return;
      if (manifest === 'lost') continue;
      this.#readers.delete(look.job);
      telemetry.count(COUNTERS[manifest.status], 1, recorded.job.pipeline);
      telemetry.info('a job has ended', { job: look.job, status: manifest.status, ...manifest.counts });
      return this.#announce(recorded, manifest);
    }
    throw new FabricError(
      'MANIFEST_NOT_WRITTEN',
      `the manifest of ${recorded.folder} changes too often to be written`,
      {
        disposition: 'retry',
      },
    );
  }

  /** One look: gives the manifest that it wrote, or that it will look again, or that another was there first. */
  async #look(
    recorded: RecordedJob,
    message: FinalizeMessage,
    { manifestEtag, signal }: { readonly manifestEtag: string | undefined; readonly signal: AbortSignal },
  ): Promise<Manifest | 'wait' | 'lost'> {
    const { output, now, telemetry } = this.#options;
    const { facts, deadLetters } = this.#pipeline(recorded.job.pipeline);
    // A redriven part may have the ETag of the part before it: then the same elements failed, at other stages.
    const reader = message.redrive === true ? new PartReader(recorded, output) : this.#readerOf(recorded);
    const seen = await lookAtJob(reader, { message, limits: facts, output, now, signal });
    if (seen.kind === 'open') {
      if (seen.isStopped) telemetry.warn('a job is past its limits on failures', { job: message.job });
      await this.#lookLater(message, seen, signal);
      return 'wait';
    }
    const { pipeline } = recorded.job;
    const manifest = await endJob(reader, seen, { pipeline, deadLetters, output, telemetry, manifestEtag, signal });
    return manifest ?? 'lost';
  }

  async #lookLater(
    message: FinalizeMessage,
    { parts, isStopped }: { readonly parts: number; readonly isStopped: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    const grown = Math.ceil((message.delaySecs ?? LEAST_DELAY_SECS) * DELAY_GROWTH);
    // Bundles that were running when the job was stopped have a while to be committed.
    const delaySecs = isStopped ? MOST_DELAY_SECS : Math.min(MOST_DELAY_SECS, Math.max(LEAST_DELAY_SECS, grown));
    const next: FinalizeMessage = { ...message, delaySecs, parts };
    await this.#options.queue.send([{ body: JSON.stringify(next), delaySecs }], { signal });
  }

  async #announce(recorded: RecordedJob, { status, counts }: Manifest): Promise<void> {
    const manifest = s3Uri(this.#options.output.bucket, manifestKey(recorded));
    const { job } = recorded;
    await this.#options.notify({ pipeline: job.pipeline, job: job.id, status, counts, manifest });
  }

  #pipeline(name: string): FinalizedPipeline {
    const pipeline = Object.hasOwn(this.#options.pipelines, name) ? this.#options.pipelines[name] : undefined;
    if (pipeline !== undefined) return pipeline;
    throw new FabricError('NO_SUCH_PIPELINE', `the pipeline '${name}' no longer exists`, {
      disposition: 'retry',
    });
  }

  #readerOf(recorded: RecordedJob): PartReader {
    const { id } = recorded.job;
    const reader = this.#readers.get(id) ?? new PartReader(recorded, this.#options.output);
    // The one that was asked for last is forgotten last.
    this.#readers.delete(id);
    this.#readers.set(id, reader);
    const [oldest] = this.#readers.keys();
    if (this.#readers.size > MAX_REMEMBERED_JOBS && oldest !== undefined) this.#readers.delete(oldest);
    return reader;
  }
}

/** Its folder note is not there: intake is still at it, or it expired. */
class JobNotFoundError extends FabricError {
  constructor(job: string) {
    super('JOB_NOT_FOUND', `there is no job ${job} yet`, { disposition: 'retry' });
  }
}

function finalizeMessageOf({ body }: ReceivedMessage): FinalizeMessage {
  const message = parseMessage(body);
  if (message.kind === 'finalize') return message;
  throw new InvalidMessageError(`a finalizer takes messages of the kind 'finalize': this one is '${message.kind}'`);
}
