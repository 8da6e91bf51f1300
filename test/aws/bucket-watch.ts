import {
  PutBucketNotificationConfigurationCommand,
  type NotificationConfiguration,
  type S3Client,
} from '@aws-sdk/client-s3';
import { DeleteMessageBatchCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { decodeObjectKey } from '../../lib/jobs/sending/s3-events.ts';
import { type EmulatedAws, queueArn } from './emulated-aws.ts';

const LONG_POLL_SECS = 10;
const DEADLINE_MILLIS = 90_000;

interface Waiting {
  readonly key: string | RegExp;
  readonly count: number;
  readonly resolve: () => void;
}

/** Tells of the objects that are written to a bucket, by the bucket's own notifications to a queue of the watch's own. */
export class BucketWatch implements AsyncDisposable {
  readonly #aws: EmulatedAws;
  readonly #queue: string;
  readonly #stopping = new AbortController();
  /** Each as its event had it, and decoded: ministack does not encode keys. */
  readonly #written: (readonly [raw: string, decoded: string])[] = [];
  readonly #waiting = new Set<Waiting>();
  readonly #reading: Promise<void>;

  private constructor(aws: EmulatedAws, queue: string) {
    this.#aws = aws;
    this.#queue = queue;
    this.#reading = this.#read();
  }

  static async start(aws: EmulatedAws, bucket: string): Promise<BucketWatch> {
    const queue = await aws.createQueue(`watch-${bucket}`);
    await notify(aws.s3, bucket, await queueArn(aws, queue));
    return new BucketWatch(aws, queue);
  }

  /** How many times objects were written whose keys are this, or match it. */
  count(key: string | RegExp): number {
    const matches = (written: string): boolean => (typeof key === 'string' ? key === written : key.test(written));
    return this.#written.filter((written) => written.some(matches)).length;
  }

  /** Resolves when so many objects have been written. @throws with the emulator's log where they are not in time */
  async written(key: string | RegExp, count = 1): Promise<void> {
    if (this.count(key) >= count) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting = { key, count, resolve };
    this.#waiting.add(waiting);
    const late = AbortSignal.timeout(DEADLINE_MILLIS);
    const giveUp = new Promise<never>((_, reject) => {
      late.addEventListener('abort', () => reject(late.reason as Error), { once: true });
    });
    try {
      await Promise.race([promise, giveUp]);
    } catch (error) {
      const seen = `written so far: ${this.#written.map(([raw]) => raw).join(', ')}`;
      throw new Error(`${String(key)} was not written in time; ${seen}\n${await this.#aws.emulator.log()}`, {
        cause: error,
      });
    } finally {
      this.#waiting.delete(waiting);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#reading;
  }

  async #read(): Promise<void> {
    const { signal } = this.#stopping;
    const { sqs } = this.#aws;
    const QueueUrl = this.#queue;
    const receive = new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: LONG_POLL_SECS });
    while (!signal.aborted) {
      const { Messages = [] } = await sqs.send(receive, { abortSignal: signal }).catch((error: unknown) => {
        if (signal.aborted) return { Messages: [] };
        throw error;
      });
      if (Messages.length === 0) continue;
      for (const { Body = '' } of Messages) this.#written.push(...keysIn(Body));
      const Entries = Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
      await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
      for (const { key, count, resolve } of this.#waiting) if (this.count(key) >= count) resolve();
    }
  }
}

/** Sends a bucket's events to a queue, or, without one, nowhere. */
export async function notify(s3: S3Client, bucket: string, queue?: string): Promise<void> {
  const configuration: NotificationConfiguration =
    queue === undefined ? {} : { QueueConfigurations: [{ QueueArn: queue, Events: ['s3:ObjectCreated:*'] }] };
  await s3.send(
    new PutBucketNotificationConfigurationCommand({ Bucket: bucket, NotificationConfiguration: configuration }),
  );
}

function keysIn(body: string): readonly (readonly [raw: string, decoded: string])[] {
  const { Records = [] } = JSON.parse(body) as { Records?: readonly { s3: { object: { key: string } } }[] };
  return Records.map(({ s3 }) => [s3.object.key, decodeObjectKey(s3.object.key) ?? s3.object.key]);
}
