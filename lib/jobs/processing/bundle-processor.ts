import { InvalidMessageError, parseMessage } from '../../elements/messages.ts';
import { describeError } from '../../errors.ts';
import { takenMillis } from '../come-again.ts';
import { isStoreBusy } from '../../stores/patience.ts';
import type { ReceivedMessage } from '../../stores/message-queue.ts';
import { redeem } from '../commit/claim-check.ts';
import type { Deadline } from '../fabric-ports.ts';
import { isReplacedMessageKey } from '../output-layout.ts';
import { asProduced, handBack, NoProgressError, type ProcessorMessage, TooOldError } from './hand-back.ts';
import { JobCache } from '../attempt/job-cache.ts';
import { isLastReceive, type JobBundle, noteLastReceive, notePark, removeLastNote } from '../attempt/park-bundle.ts';
import { processElements } from './process-elements.ts';
import { jobBundleOf, processJobBundle, recordedJob } from './process-job-bundle.ts';
import { processObjects } from './process-objects.ts';
import { settleElements } from './settle-elements.ts';
import type { Attempt, BundleProcessorOptions } from '../attempt/processor-options.ts';
import { redriveBundle } from '../redrive/redrive-bundle.ts';
import { refuseMessage } from './refuse-message.ts';
import { type BrokenOffAt, BrokenOffError } from '../attempt/run-outcomes.ts';

export type { BundleProcessorOptions } from '../attempt/processor-options.ts';

/** How long a message that failed waits for its next receive: 5 s, and four times as long each time, seven minutes in all. */
const FIRST_BACKOFF_SECS = 5;
const BACKOFF_GROWTH = 4;
const MAX_BACKOFF_SECS = 300;
/** S3 takes half an hour or more to serve a folder faster. */
const FIRST_STORE_PAUSE_MILLIS = 10_000;
const MAX_STORE_PAUSE_MILLIS = 300_000;
/** An attempt that had this share of the longest time there is has had its chance. */
const FULL_TIME_SHARE = 0.5;

/**
 * Processes the messages of one pipeline's queue. A receive ends in one way:
 *
 *     done          its part is committed and settled, now or before       -> acknowledged
 *     refused       it is not a message of this queue: a dead letter       -> acknowledged
 *     requeued      the deadline came, or an endpoint or a store is busy:
 *                   a new message continues the work                       -> acknowledged
 *     failed        it comes again after a while, until the queue parks it -> thrown
 *
 * One for an engine and its whole life: it remembers jobs.
 */
export class BundleProcessor {
  readonly #options: BundleProcessorOptions;
  readonly #jobs: JobCache;
  /** The longest time that any attempt could have, in milliseconds. */
  #longestMillis = 0;

  constructor(options: BundleProcessorOptions) {
    this.#options = options;
    this.#jobs = new JobCache(options.output);
  }

  /** Resolves where the message is to be acknowledged. @throws what it failed with, where it is to come again */
  async process(received: ReceivedMessage, deadline: Deadline): Promise<void> {
    const attempt = { received, deadline, options: this.#options };
    const startedWith = deadline.remainingMillis();
    this.#longestMillis = Math.max(this.#longestMillis, startedWith);
    let message: ProcessorMessage | undefined;
    try {
      message = await this.#read(received);
      await using _noted = await this.#noteIfLast(message, attempt);
      await this.#hide(attempt);
      await this.#run(message, attempt);
    } catch (error) {
      if (error instanceof InvalidMessageError) return refuseMessage(received, error, this.#options);
      const isBrokenOff = deadline.signal.aborted || error instanceof BrokenOffError || isStoreBusy(error);
      if (message === undefined || !isBrokenOff) return this.#fail(message, attempt, error);
      return this.#breakOff(message, attempt, { error, startedWith });
    }
  }

  async #read(received: ReceivedMessage): Promise<ProcessorMessage> {
    const { output, pipelineName } = this.#options;
    const { text, claimed } = await redeem(received.body, output);
    const message = parseMessage(text);
    if (message.pipeline !== pipelineName) {
      throw new InvalidMessageError(
        `the message is for pipeline '${message.pipeline}'; this queue is ${pipelineName}'s`,
      );
    }
    switch (message.kind) {
      case 'elements': {
        const isOwn = claimed?.bucket === output.bucket && isReplacedMessageKey(pipelineName, claimed.key);
        return isOwn ? message : asProduced(message);
      }
      case 'bundle':
      case 'objects':
      case 'settle':
      case 'redrive':
        return message;
      case 'finalize':
      case 'intake':
      case 'claim':
        throw new InvalidMessageError(`a message of kind '${message.kind}' does not belong in a queue of bundles`);
    }
  }

  /** At the last receive a note comes first: a bundle that has it, and no part in time, is parked. */
  async #noteIfLast(message: ProcessorMessage, attempt: Attempt): Promise<AsyncDisposable | undefined> {
    const taken = isLastReceive(attempt) ? parkable(message) : undefined;
    return taken && (await noteLastReceive(taken, attempt));
  }

  async #run(message: ProcessorMessage, attempt: Attempt): Promise<void> {
    attempt.deadline.signal.throwIfAborted();
    if (message.kind === 'elements') return processElements(message, attempt);
    if (message.kind === 'settle') return settleElements(message, attempt);
    const taken = jobBundleOf(message);
    if (taken === undefined) {
      if (message.kind === 'objects') await processObjects(message, attempt);
      return;
    }
    const recorded = await recordedJob(taken, attempt, this.#jobs);
    if (message.kind === 'redrive') return redriveBundle(message, recorded, attempt);
    const objects = message.kind === 'objects' ? message.objects : [];
    await processJobBundle({ recorded, bundle: taken.bundle, objects }, attempt);
  }

  /** Hides the message for the time of this run; if that is killed, another run gets it soon. */
  async #hide({ received, deadline }: Attempt): Promise<void> {
    if (deadline.hold !== undefined) return;
    const secs = Math.ceil(takenMillis(deadline) / 1000);
    await this.#options.bundles.changeVisibility(received.receiptHandle, secs);
  }

  async #breakOff(message: ProcessorMessage, attempt: Attempt, { error, startedWith }: BrokenOff): Promise<void> {
    const usedMillis = startedWith - attempt.deadline.remainingMillis();
    const { progressed, throttled: isEndpointBusy = false, delayMillis = 0 } = brokenOffAt(error);
    const storeMillis = isStoreBusy(error instanceof BrokenOffError ? error.cause : error) ? pauseOf(message) : 0;
    const throttled = isEndpointBusy || storeMillis > 0;
    // False without a time limit, as in a run that is shut down: its time may have been too short.
    const hadItsChance = usedMillis >= this.#longestMillis * FULL_TIME_SHARE;
    if (!progressed && !throttled && hadItsChance)
      return this.#fail(message, attempt, new NoProgressError(usedMillis, error));
    const taken = parkable(message);
    try {
      // First: a bundle without a note is waited for, one with an old note counts as parked while it goes on.
      if (taken !== undefined && isLastReceive(attempt)) await removeLastNote(taken, this.#options.output);
      await handBack(message, attempt, {
        delaySecs: Math.ceil(Math.max(delayMillis, storeMillis) / 1000),
      });
    } catch (failure) {
      if (!(failure instanceof TooOldError) || taken === undefined) return this.#fail(message, attempt, failure);
      await notePark(taken, describeError(failure), this.#options);
      this.#options.telemetry.count('bundles_failed', 1, this.#options.pipelineName);
    }
  }

  async #fail(message: ProcessorMessage | undefined, attempt: Attempt, error: unknown): Promise<never> {
    const { telemetry, pipelineName, bundles } = this.#options;
    const { receiveCount, receiptHandle } = attempt.received;
    telemetry.count('bundles_failed', 1, pipelineName);
    const taken = message && parkable(message);
    const backoffSecs = Math.min(MAX_BACKOFF_SECS, FIRST_BACKOFF_SECS * BACKOFF_GROWTH ** (receiveCount - 1));
    try {
      if (taken !== undefined && isLastReceive(attempt)) {
        await notePark(taken, describeError(error), this.#options);
      }
      await attempt.deadline.hold?.end();
      await bundles.changeVisibility(receiptHandle, backoffSecs);
    } catch (failure) {
      // The note that was left before, and the time that the message is hidden, do as well.
      telemetry.warn('what follows a failed bundle could not be done', { error: describeError(failure) });
    }
    throw error;
  }
}

interface BrokenOff {
  readonly error: unknown;
  /** The time that the attempt had, in milliseconds. */
  readonly startedWith: number;
}

function brokenOffAt(error: unknown): BrokenOffAt {
  return error instanceof BrokenOffError ? error.at : { progressed: false };
}

/** How long a message waits for a store that asks for a slower pace, in milliseconds: longer each time, with jitter. */
function pauseOf({ attempts = 0 }: ProcessorMessage): number {
  const ceiling = Math.min(MAX_STORE_PAUSE_MILLIS, FIRST_STORE_PAUSE_MILLIS * 2 ** attempts);
  return ceiling * (1 + Math.random()) * 0.5;
}

/** Returns the bundle to park if a message is given up; undefined if no job waits for it. */
function parkable(message: ProcessorMessage): JobBundle | undefined {
  if (message.kind === 'elements' || message.kind === 'settle') return undefined;
  try {
    return jobBundleOf(message);
  } catch {
    return undefined;
  }
}
