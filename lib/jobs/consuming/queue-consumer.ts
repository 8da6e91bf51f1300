import { DEFAULT_VISIBILITY_SECS, MAX_RECEIVE_MESSAGES, MAX_RECEIVE_WAIT_SECS } from '../../config/delivery.ts';
import { describeError, FabricError } from '../../errors.ts';
import { Backoff } from '../../time/backoff.ts';
import { type Clock, SYSTEM_CLOCK } from '../../time/clock.ts';
import { waitFor } from '../../time/wait-for.ts';
import type { MessageQueue } from '../../stores/message-queue.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { MessagesAtWork, type MessagesAtWorkOptions } from './messages-at-work.ts';
import { orStopped } from './or-stopped.ts';
import type { StopTimes } from './stop-times.ts';

export interface QueueConsumerOptions extends Pick<MessagesAtWorkOptions, 'process' | 'onAtWork' | 'random'> {
  readonly queue: Pick<MessageQueue, 'receive' | 'delete' | 'changeVisibility'>;
  /** Resolves when a message that is received then can be started. Where it throws, nothing more is received. */
  readonly ready: () => Promise<void>;
  /** Maximum messages in flight, by the time that the last one took. */
  readonly atOnce: (lastTookMillis: number | undefined) => number;
  /** The message of a consumer that was killed comes again after so long. @default 90 */
  readonly visibilitySecs?: number | undefined;
  readonly stopTimes: StopTimes;
  readonly telemetry: Pick<Telemetry, 'info' | 'warn' | 'error'>;
  readonly clock?: Clock | undefined;
}

/** Delays after failed receives. */
const RECEIVE_BACKOFF = new Backoff({ firstMillis: 1000, maxMillis: 30_000 });
/** A look at the queue takes less than this, its wait and all retries included. */
const MAX_LOOK_MILLIS = 5 * 60 * 1000;

/**
 * Takes messages from a queue while its process lives, a limited number at once, and hides each until its end.
 *
 *     receiving     messages, up to the limit
 *     finishing     told to stop: receives no more; messages in flight can end
 *     requeueing    messages that have not ended are aborted by their deadlines' signals
 *     releasing     messages that could not be requeued are made visible at once, and left
 *     ended
 *
 * A message is started as soon as it is received; one that comes after a stop is made visible at once. Messages that
 * the queue delivers just as a receive is aborted, ten at most, are not seen here: they come again after
 * `visibilitySecs`, one receive later.
 */
export class QueueConsumer {
  readonly #options: QueueConsumerOptions;
  readonly #clock: Clock;
  readonly #visibilitySecs: number;
  readonly #atWork: MessagesAtWork;
  /** Undefined while it does not look at the queue. */
  #lookingSince: number | undefined;

  constructor(options: QueueConsumerOptions) {
    const { clock = SYSTEM_CLOCK, visibilitySecs = DEFAULT_VISIBILITY_SECS, stopTimes } = options;
    this.#options = options;
    this.#clock = clock;
    this.#visibilitySecs = visibilitySecs;
    const drainMillis = stopTimes.handBackMillis / 2;
    this.#atWork = new MessagesAtWork({ ...options, clock, visibilitySecs, drainMillis });
  }

  /** Messages in flight. */
  get atWork(): number {
    return this.#atWork.count;
  }

  get #atOnce(): number {
    return this.#options.atOnce(this.#atWork.lastTookMillis);
  }

  /** True unless the current look at the queue takes longer than its maximum. */
  get isAlive(): boolean {
    return this.#lookingSince === undefined || this.#clock.now() - this.#lookingSince < MAX_LOOK_MILLIS;
  }

  /** Resolves after the signal, when all messages have ended or were released. @throws what `ready` threw */
  async run({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    try {
      await this.#receiveUntil(signal);
    } finally {
      await this.#stop();
    }
  }

  async #receiveUntil(signal: AbortSignal): Promise<void> {
    const { ready, telemetry, random = Math.random } = this.#options;
    let backoff = RECEIVE_BACKOFF;
    for (;;) {
      await orStopped(
        this.#atWork.atMost(() => this.#atOnce - 1),
        signal,
      );
      if (!signal.aborted) await orStopped(ready(), signal);
      if (signal.aborted) return;
      try {
        await this.#receive(signal);
        backoff = RECEIVE_BACKOFF;
      } catch (error) {
        if (signal.aborted) return;
        telemetry.warn('the queue could not be read', { error: describeError(error) });
        await waitFor(backoff.delayMillis(random), { clock: this.#clock, signal }).catch(() => {});
        backoff = backoff.next();
      }
    }
  }

  async #receive(signal: AbortSignal): Promise<void> {
    const { queue } = this.#options;
    // There was room; it may be that there are to be fewer since.
    const room = Math.max(1, this.#atOnce - this.atWork);
    this.#lookingSince = this.#clock.now();
    try {
      const messages = await queue.receive({
        maxMessages: Math.min(MAX_RECEIVE_MESSAGES, room),
        waitSecs: MAX_RECEIVE_WAIT_SECS,
        visibilitySecs: this.#visibilitySecs,
        signal,
      });
      if (signal.aborted) await Promise.all(messages.map((message) => this.#atWork.giveBack(message)));
      else for (const message of messages) this.#atWork.start(message);
    } finally {
      this.#lookingSince = undefined;
    }
  }

  async #stop(): Promise<void> {
    const { stopTimes, telemetry } = this.#options;
    const idle = this.#atWork.atMost(() => 0);
    await this.#within(stopTimes.finishMillis, idle);
    if (this.atWork === 0) return;
    telemetry.info('aborting in-flight messages and requeueing them', { messages: this.atWork });
    const reason = new FabricError('CONSUMER_STOPPED', 'the worker is being stopped', { disposition: 'retry' });
    this.#atWork.breakOff(reason);
    await this.#within(stopTimes.handBackMillis, idle);
    if (this.atWork === 0) return;
    telemetry.warn('could not requeue all messages in time: releasing them', { messages: this.atWork });
    await this.#within(stopTimes.giveBackMillis, this.#atWork.giveBackAll());
  }

  async #within(millis: number, work: Promise<unknown>): Promise<void> {
    const over = Promise.withResolvers<void>();
    const timer = this.#clock.setTimeout(() => over.resolve(), millis);
    await Promise.race([over.promise, work]);
    this.#clock.clearTimeout(timer);
  }
}
