import { setTimeout as delay } from 'node:timers/promises';
import type { MessageQueue, OutgoingMessage, ReceivedMessage } from '../../../lib/stores/message-queue.ts';

/** A queue in memory, that says what became of its messages. A message that is received stays hidden until `reappear`. */
export class FakeQueue implements MessageQueue {
  readonly deleted: string[] = [];
  readonly waits: number[] = [];
  readonly #ready: { readonly id: string; readonly body: string; receiveCount: number }[] = [];
  readonly #hidden = new Map<string, { readonly id: string; readonly body: string; receiveCount: number }>();
  #sent = 0;
  #arrived = Promise.withResolvers<void>();

  async send(messages: readonly OutgoingMessage[]): Promise<void> {
    for (const { body } of messages) {
      this.#ready.push({ id: `m${this.#sent}`, body, receiveCount: 0 });
      this.#sent += 1;
    }
    this.#arrived.resolve();
  }

  async receive({
    maxMessages,
    waitSecs,
    signal,
  }: {
    readonly maxMessages: number;
    readonly waitSecs: number;
    readonly signal?: AbortSignal | undefined;
  }): Promise<readonly ReceivedMessage[]> {
    this.waits.push(waitSecs);
    if (this.#ready.length === 0) {
      this.#arrived = Promise.withResolvers();
      const waiting = delay(waitSecs * 1000, undefined, signal === undefined ? { ref: false } : { signal, ref: false });
      await Promise.race([this.#arrived.promise, waiting]);
    }
    return this.#ready.splice(0, maxMessages).map((message) => {
      message.receiveCount += 1;
      this.#hidden.set(message.id, message);
      const { id, body, receiveCount } = message;
      return { id, body, receiveCount, receiptHandle: id, sentAtMillis: 1 };
    });
  }

  async delete(receiptHandle: string): Promise<void> {
    this.deleted.push(receiptHandle);
    this.#hidden.delete(receiptHandle);
  }

  async changeVisibility(): Promise<void> {}

  /** The messages that were received and not deleted. */
  get left(): readonly string[] {
    return [...this.#hidden.keys()];
  }

  /** The visibility timeout of all hidden messages is over. */
  reappear(): void {
    this.#ready.push(...this.#hidden.values());
    this.#hidden.clear();
    this.#arrived.resolve();
  }
}
