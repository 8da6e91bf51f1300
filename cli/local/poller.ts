import type { SQSBatchResponse, SQSRecord } from 'aws-lambda';
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { SqsHandler } from '../../functions/sqs-handler.ts';
import { LAMBDA_MAX_TIMEOUT_SECS } from '../../lib/config/compute.ts';
import { MAX_BATCH_WINDOW_SECS, MAX_RECEIVE_MESSAGES, MAX_RECEIVE_WAIT_SECS } from '../../lib/config/delivery.ts';
import { describeError } from '../../lib/errors.ts';
import type { MessageQueue, ReceivedMessage } from '../../lib/stores/message-queue.ts';
import { SILENT, type Telemetry } from '../../lib/telemetry/telemetry.ts';

export interface PollerOptions {
  readonly queue: MessageQueue;
  readonly handler: SqsHandler;
  /** Name of the queue in logs and in the ARN of records. */
  readonly name: string;
  /** Maximum messages of an invocation, up to 10,000. More than 10 require a window. @default 10 */
  readonly batchSize?: number;
  /** Seconds to gather a batch after its first message, up to 300. @default 0 */
  readonly batchWindowSecs?: number;
  /** Maximum concurrent invocations. @default 2 */
  readonly maxConcurrency?: number;
  /** Timeout of the function, in seconds. @default 900 */
  readonly timeoutSecs?: number;
  readonly telemetry?: Telemetry;
}

/** Maximum payload of an invocation in Lambda. */
const MAX_PAYLOAD_BYTES = 6 * 1024 * 1024;
const MAX_BATCH_SIZE = 10_000;
/** Time between two requests in a window that is shorter than a long poll. */
const SHORT_POLL_MILLIS = 50;
const RECEIVE_RETRY_MILLIS = 1000;

/**
 * Delivers messages from a queue to a handler as Lambda's event source mapping for SQS does.
 *
 * A batch closes at its size, at the end of its window, or at 6 MB. Messages that the handler does not report as failed
 * are deleted. Failed messages, and all messages of a batch on which the handler throws or times out, are received again
 * when their visibility timeout ends. The queue's redrive policy limits how often.
 */
export class QueuePoller implements AsyncDisposable {
  readonly #options: Required<PollerOptions>;
  readonly #stopping = new AbortController();
  readonly #running = new Set<Promise<void>>();
  /** Received messages that are in no batch yet, because the previous batch was full. */
  #held: SQSRecord[] = [];
  readonly #polling: Promise<void>;

  constructor(options: PollerOptions) {
    this.#options = {
      batchSize: 10,
      batchWindowSecs: 0,
      maxConcurrency: 2,
      timeoutSecs: LAMBDA_MAX_TIMEOUT_SECS,
      telemetry: SILENT,
      ...options,
    };
    checkOptions(this.#options);
    this.#polling = this.#poll();
  }

  /** True if an invocation is running. */
  get busy(): boolean {
    return this.#running.size > 0;
  }

  /** Stops receiving messages, and resolves when the running invocations have ended. */
  async drain(): Promise<void> {
    this.#stopping.abort();
    await this.#polling;
    await Promise.all(this.#running);
  }

  /** Stops receiving messages, without waiting for running invocations: their messages are received again. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#polling;
  }

  async #poll(): Promise<void> {
    const { signal } = this.#stopping;
    const stopped = Promise.withResolvers<void>();
    signal.addEventListener('abort', () => stopped.resolve(), { once: true });
    while (!signal.aborted) {
      if (this.#running.size >= this.#options.maxConcurrency) {
        await Promise.race([stopped.promise, ...this.#running]);
        continue;
      }
      try {
        const batch = await this.#gather(signal);
        if (batch.length > 0 && !signal.aborted) this.#start(batch);
      } catch (error) {
        if (signal.aborted) return;
        this.#logError('could not receive messages', error);
        await delay(RECEIVE_RETRY_MILLIS, undefined, { signal }).catch(() => {});
      }
    }
  }

  async #gather(signal: AbortSignal): Promise<readonly SQSRecord[]> {
    const { batchSize, batchWindowSecs } = this.#options;
    const batch: SQSRecord[] = [];
    if (this.#held.length === 0)
      this.#held = await this.#receive(Math.min(MAX_RECEIVE_MESSAGES, batchSize), MAX_RECEIVE_WAIT_SECS);
    const closesAt = performance.now() + batchWindowSecs * 1000;
    let bytes = 0;
    for (;;) {
      while (this.#held.length > 0 && batch.length < batchSize) {
        const [record] = this.#held as [SQSRecord];
        const size = Buffer.byteLength(JSON.stringify(record));
        if (batch.length > 0 && bytes + size > MAX_PAYLOAD_BYTES) return batch;
        bytes += size;
        batch.push(record);
        this.#held.shift();
      }
      const left = closesAt - performance.now();
      if (batch.length === 0 || batch.length >= batchSize || left <= 0 || signal.aborted) return batch;
      const waitSecs = Math.min(MAX_RECEIVE_WAIT_SECS, Math.floor(left / 1000));
      this.#held = await this.#receive(Math.min(MAX_RECEIVE_MESSAGES, batchSize - batch.length), waitSecs);
      if (this.#held.length === 0 && waitSecs === 0) await delay(Math.min(left, SHORT_POLL_MILLIS));
    }
  }

  async #receive(maxMessages: number, waitSecs: number): Promise<SQSRecord[]> {
    const { queue, name } = this.#options;
    const messages = await queue.receive({ maxMessages, waitSecs, signal: this.#stopping.signal });
    return messages.map((message) => recordOf(message, name));
  }

  #start(batch: readonly SQSRecord[]): void {
    const invocation = this.#invoke(batch).finally(() => this.#running.delete(invocation));
    this.#running.add(invocation);
  }

  async #invoke(batch: readonly SQSRecord[]): Promise<void> {
    try {
      const failed = failuresIn(await this.#call(batch), batch);
      await this.#delete(batch.filter(({ messageId }) => !failed.has(messageId)));
    } catch (error) {
      this.#logError(`a batch of ${batch.length} failed`, error);
    }
  }

  async #call(Records: readonly SQSRecord[]): Promise<SQSBatchResponse> {
    const { handler, timeoutSecs } = this.#options;
    const endsAt = performance.now() + timeoutSecs * 1000;
    const timeout = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => timeout.reject(new Error(`the function timed out after ${timeoutSecs} s`)),
      timeoutSecs * 1000,
    );
    const context = { getRemainingTimeInMillis: () => Math.max(0, endsAt - performance.now()) };
    try {
      return await Promise.race([handler({ Records: [...Records] }, context), timeout.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #delete(records: readonly SQSRecord[]): Promise<void> {
    for (let first = 0; first < records.length; first += MAX_RECEIVE_MESSAGES) {
      const some = records.slice(first, first + MAX_RECEIVE_MESSAGES);
      await Promise.all(some.map((record) => this.#options.queue.delete(record.receiptHandle)));
    }
  }

  #logError(message: string, error: unknown): void {
    const { telemetry, name } = this.#options;
    telemetry.error(message, { queue: name, error: describeError(error) });
  }
}

/** Returns the messages that a response reports as failed. @throws if it names an unknown message: then all have failed */
function failuresIn(response: SQSBatchResponse | undefined, batch: readonly SQSRecord[]): ReadonlySet<string> {
  const ids = new Set(batch.map((record) => record.messageId));
  const failed = new Set((response?.batchItemFailures ?? []).map((failure) => failure.itemIdentifier));
  for (const id of failed) {
    if (!ids.has(id)) throw new Error(`the function reported a message that is not in its batch: '${id}'`);
  }
  return failed;
}

function recordOf(message: ReceivedMessage, queueName: string): SQSRecord {
  const sentAt = String(message.sentAtMillis);
  return {
    messageId: message.id,
    receiptHandle: message.receiptHandle,
    body: message.body,
    attributes: {
      ApproximateReceiveCount: String(message.receiveCount),
      SentTimestamp: sentAt,
      SenderId: 'local',
      ApproximateFirstReceiveTimestamp: sentAt,
    },
    messageAttributes: {},
    md5OfBody: createHash('md5').update(message.body).digest('hex'),
    eventSource: 'aws:sqs',
    eventSourceARN: `arn:aws:sqs:us-east-1:000000000000:${queueName}`,
    awsRegion: 'us-east-1',
  };
}

function checkOptions({ batchSize, batchWindowSecs, maxConcurrency, timeoutSecs }: Required<PollerOptions>): void {
  const rules: readonly (readonly [holds: boolean, option: string, rule: string, value: number])[] = [
    [isBetween(batchSize, 1, MAX_BATCH_SIZE), 'batchSize', `from 1 to ${MAX_BATCH_SIZE}`, batchSize],
    [batchSize <= MAX_RECEIVE_MESSAGES || batchWindowSecs > 0, 'batchSize', 'at most 10 without a window', batchSize],
    [
      batchWindowSecs >= 0 && batchWindowSecs <= MAX_BATCH_WINDOW_SECS,
      'batchWindowSecs',
      `from 0 to ${MAX_BATCH_WINDOW_SECS}`,
      batchWindowSecs,
    ],
    [isBetween(maxConcurrency, 1, Infinity), 'maxConcurrency', '1 or more', maxConcurrency],
    [
      timeoutSecs > 0 && timeoutSecs <= LAMBDA_MAX_TIMEOUT_SECS,
      'timeoutSecs',
      `up to ${LAMBDA_MAX_TIMEOUT_SECS}`,
      timeoutSecs,
    ],
  ];
  for (const [holds, option, rule, value] of rules) {
    if (!holds) throw new RangeError(`Cannot poll as '${option}' must be ${rule}: current value is ${value}`);
  }
}

function isBetween(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}
