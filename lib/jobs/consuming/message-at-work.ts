import { FabricError } from '../../errors.ts';
import type { ReceivedMessage } from '../../stores/message-queue.ts';
import { MAX_RUN_MILLIS } from '../come-again.ts';
import type { Deadline } from '../fabric-ports.ts';
import { Heartbeat, type HeartbeatOptions } from './heartbeat.ts';

/** Time to requeue a message after its maximum processing time; SQS can hide it for that time too. */
const MARGIN_MILLIS = 10 * 60 * 1000;

export interface MessageAtWorkOptions extends HeartbeatOptions {
  /** The most that requests to endpoints may take to end when it is broken off. */
  readonly drainMillis: number;
}

/** A message from its receive to its end: hidden from others, and with a deadline, the longest time that SQS can hide it. */
export class MessageAtWork {
  readonly message: ReceivedMessage;
  readonly hold: Heartbeat;
  readonly deadline: Deadline;
  readonly #aborter = new AbortController();
  readonly #clearTimer: () => void;

  constructor(message: ReceivedMessage, options: MessageAtWorkOptions) {
    const { clock, drainMillis } = options;
    this.message = message;
    this.hold = new Heartbeat(message, options);
    const endsAt = clock.now() + MAX_RUN_MILLIS + MARGIN_MILLIS;
    const over = new FabricError('WORK_TIME_OVER', 'the message reached its maximum processing time', {
      disposition: 'retry',
    });
    const timer = clock.setTimeout(() => this.breakOff(over), MAX_RUN_MILLIS);
    this.#clearTimer = () => clock.clearTimeout(timer);
    this.deadline = {
      // It does not fall when the worker is stopped: how much of the longest time a bundle had shall be told by it.
      remainingMillis: () => Math.max(0, endsAt - clock.now()),
      signal: this.#aborter.signal,
      drainMillis,
      hold: this.hold,
    };
  }

  breakOff(reason: Error): void {
    this.#aborter.abort(reason);
  }

  /** Ends its timer and heartbeat. */
  async end(): Promise<void> {
    this.#clearTimer();
    await this.hold.end();
  }
}
