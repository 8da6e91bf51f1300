import { describeError } from '../../errors.ts';
import { Backoff } from '../../time/backoff.ts';
import { waitFor } from '../../time/wait-for.ts';
import type { MessageQueue, ReceivedMessage } from '../../stores/message-queue.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import type { Deadline } from '../fabric-ports.ts';
import { MessageAtWork, type MessageAtWorkOptions } from './message-at-work.ts';

export interface MessagesAtWorkOptions extends MessageAtWorkOptions {
  readonly queue: Pick<MessageQueue, 'delete' | 'changeVisibility'>;
  /** Processes a message, which is acknowledged if this resolves. If it throws, it has set when that comes again. */
  readonly process: (message: ReceivedMessage, deadline: Deadline) => Promise<void>;
  /** Called with the number of messages in flight when it changes. */
  readonly onAtWork?: ((messages: number) => void) | undefined;
  readonly telemetry: Pick<Telemetry, 'warn' | 'error'>;
  readonly random?: (() => number) | undefined;
}

const DELETE_TRIES = 4;
const DELETE_BACKOFF = new Backoff({ firstMillis: 200 });

/** The messages that a consumer has received. Each ends in one way: acknowledged, failed, or released. */
export class MessagesAtWork {
  readonly #options: MessagesAtWorkOptions;
  readonly #works = new Set<MessageAtWork>();
  #changed = Promise.withResolvers<void>();
  #lastTookMillis: number | undefined;
  #isBrokenOff = false;

  constructor(options: MessagesAtWorkOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#works.size;
  }

  /** The message that ended last, from its start to its end. Undefined before the first one. */
  get lastTookMillis(): number | undefined {
    return this.#lastTookMillis;
  }

  /** Resolves when at most `messages()` are left, which may change with each that ends. */
  async atMost(messages: () => number): Promise<void> {
    while (this.#works.size > messages()) await this.#changed.promise;
  }

  start(message: ReceivedMessage): void {
    const { clock } = this.#options;
    const startedAt = clock.now();
    const work = new MessageAtWork(message, this.#options);
    this.#works.add(work);
    this.#notify();
    void this.#handle(work).finally(() => {
      this.#works.delete(work);
      this.#lastTookMillis = clock.now() - startedAt;
      this.#notify();
    });
  }

  /** Aborts all, to be requeued; one that can't be is released. */
  breakOff(reason: Error): void {
    this.#isBrokenOff = true;
    for (const work of this.#works) work.breakOff(reason);
  }

  /** Releases all that are left, whatever becomes of them here. */
  async giveBackAll(): Promise<void> {
    const left = [...this.#works].map(async (work) => {
      // A beat in flight may take long.
      void work.end();
      await this.giveBack(work.message);
    });
    await Promise.all(left);
  }

  /** Another consumer can receive it at once; this counts as a receive. */
  async giveBack({ id: messageId, receiptHandle }: ReceivedMessage): Promise<void> {
    const { queue, telemetry } = this.#options;
    try {
      await queue.changeVisibility(receiptHandle, 0);
    } catch (error) {
      const fields = { messageId, error: describeError(error) };
      telemetry.warn('could not release a message: it stays invisible until its visibility timeout ends', fields);
    }
  }

  async #handle(work: MessageAtWork): Promise<void> {
    const { message, deadline } = work;
    try {
      await this.#options.process(message, deadline);
      await this.#acknowledge(message);
      await work.end();
    } catch (error) {
      const { id: messageId, receiveCount } = message;
      this.#options.telemetry.error('a message failed', { messageId, receiveCount, error: describeError(error) });
      await work.end();
      if (this.#isBrokenOff) await this.giveBack(message);
    }
  }

  /** Deletes it; if this fails, it comes again and is then done. */
  async #acknowledge({ id: messageId, receiptHandle }: ReceivedMessage): Promise<void> {
    const { queue, telemetry, clock, random = Math.random } = this.#options;
    let backoff = DELETE_BACKOFF;
    for (let tries = 1; ; tries += 1) {
      try {
        return await queue.delete(receiptHandle);
      } catch (error) {
        if (tries < DELETE_TRIES) {
          await waitFor(backoff.delayMillis(random), { clock, signal: NEVER });
          backoff = backoff.next();
          continue;
        }
        telemetry.warn('a message that is done could not be deleted', { messageId, error: describeError(error) });
        return;
      }
    }
  }

  #notify(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
    this.#options.onAtWork?.(this.#works.size);
  }
}

const NEVER = new AbortController().signal;
