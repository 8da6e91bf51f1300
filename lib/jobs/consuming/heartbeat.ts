import { describeError } from '../../errors.ts';
import type { Clock } from '../../time/clock.ts';
import type { MessageQueue, ReceivedMessage } from '../../stores/message-queue.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import type { MessageHold } from '../fabric-ports.ts';

export interface HeartbeatOptions {
  readonly queue: Pick<MessageQueue, 'changeVisibility'>;
  /** How long the message is hidden each time; it was received so. */
  readonly visibilitySecs: number;
  readonly clock: Clock;
  readonly telemetry: Pick<Telemetry, 'warn'>;
}

/** Share of the visibility timeout after which it is extended: two beats may fail. */
const PERIOD_SHARE = 1 / 3;
/** A beat that fails is tried again after this, and then after twice as long each time. */
const FIRST_RETRY_MILLIS = 500;
/** A request that is silent for longer is given up. */
const MAX_BEAT_MILLIS = 10_000;
/** SQS hides a message for 12 hours from its receive on and no longer, and refuses to when that would be exceeded. */
const MAX_HIDDEN_MILLIS = (12 * 60 - 1) * 60 * 1000;

/**
 * Hides a message again and again, from its receive until `end`.
 *
 *     waiting -(a third of the time)-> beating -(done)-> waiting
 *                                              -(failed)-> waiting, for a shorter while
 *     any -(`end`, or 12 hours)-> ended: none of its work is in flight then
 *
 * If its beats fail until the timeout is over, another consumer may get the message; then a bundle's commit decides.
 */
export class Heartbeat implements MessageHold {
  readonly millis: number;
  readonly #message: ReceivedMessage;
  readonly #options: HeartbeatOptions;
  readonly #startedAt: number;
  readonly #works = new Set<() => Promise<void>>();
  #timer: unknown;
  #beating: Promise<void> | undefined;
  #failures = 0;
  #ended = false;

  constructor(message: ReceivedMessage, options: HeartbeatOptions) {
    this.#message = message;
    this.#options = options;
    this.#startedAt = options.clock.now();
    this.millis = options.visibilitySecs * 1000;
    this.#next();
  }

  onRenewed(work: () => Promise<void>): AsyncDisposable {
    let running: Promise<void> | undefined;
    const run = (): Promise<void> => (running = work().catch((error: unknown) => this.#report(error)));
    this.#works.add(run);
    return {
      [Symbol.asyncDispose]: async () => {
        this.#works.delete(run);
        await running;
      },
    };
  }

  async end(): Promise<void> {
    this.#ended = true;
    this.#options.clock.clearTimeout(this.#timer);
    await this.#beating;
  }

  #next(): void {
    const period = this.millis * PERIOD_SHARE;
    const retry = FIRST_RETRY_MILLIS * 2 ** (this.#failures - 1);
    const wait = this.#failures === 0 ? period : Math.min(period, retry);
    this.#timer = this.#options.clock.setTimeout(() => void (this.#beating = this.#beat()), wait);
  }

  async #beat(): Promise<void> {
    const { clock, visibilitySecs, telemetry } = this.#options;
    const left = Math.floor((MAX_HIDDEN_MILLIS - (clock.now() - this.#startedAt)) / 1000);
    if (left <= 0) {
      telemetry.warn('a message was worked on for as long as a queue can hide it', { messageId: this.#message.id });
      return;
    }
    try {
      await this.#hide(Math.min(visibilitySecs, left));
      this.#failures = 0;
      await Promise.all([...this.#works].map((work) => work()));
    } catch (error) {
      this.#failures += 1;
      this.#report(error);
    }
    if (!this.#ended) this.#next();
  }

  async #hide(secs: number): Promise<void> {
    const { clock, queue } = this.#options;
    const aborter = new AbortController();
    const abort = (): void => aborter.abort(new Error('the queue did not answer'));
    const timer = clock.setTimeout(abort, Math.min(MAX_BEAT_MILLIS, this.millis * PERIOD_SHARE));
    try {
      await queue.changeVisibility(this.#message.receiptHandle, secs, { signal: aborter.signal });
    } finally {
      clock.clearTimeout(timer);
    }
  }

  #report(error: unknown): void {
    const fields = { messageId: this.#message.id, failures: this.#failures, error: describeError(error) };
    this.#options.telemetry.warn('could not extend the visibility timeout of an in-flight message', fields);
  }
}
