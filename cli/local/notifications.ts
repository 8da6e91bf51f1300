import type { MessageQueue } from '../../lib/stores/message-queue.ts';
import type { ObjectWritten } from './embedded-aws.ts';

export interface NotificationsOptions {
  /** Bucket whose objects are reported. */
  readonly bucket: string;
  /** Queue that receives the events. */
  readonly queue: MessageQueue;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly onError: (error: unknown) => void;
}

/** Maximum records of an event. Even with the longest keys, the message stays far below the limit of SQS. */
const MAX_RECORDS = 50;
const SEQUENCER_DIGITS = 18;

/** Bucket notifications as in S3: sends an event to a queue for each object that is written to a bucket. */
export class Notifications {
  readonly #options: NotificationsOptions;
  /** Records that have not been sent. */
  readonly #waiting: unknown[] = [];
  #sending: Promise<void> | undefined;
  #sequence = 0n;

  constructor(options: NotificationsOptions) {
    this.#options = options;
  }

  /** Reports an object if it is in the bucket. */
  objectWritten(object: ObjectWritten): void {
    const { bucket, now } = this.#options;
    if (object.bucket !== bucket) return;
    this.#sequence += 1n;
    this.#waiting.push(eventRecord(object, { atMillis: now(), sequence: this.#sequence }));
    this.#sending ??= this.#send();
  }

  /** Resolves when the events of all objects so far are in the queue. */
  async settled(): Promise<void> {
    while (this.#sending !== undefined) await this.#sending;
  }

  /** Sends all waiting records, including those that are added meanwhile. S3, too, can report several objects in one event. */
  async #send(): Promise<void> {
    const { queue, onError } = this.#options;
    while (this.#waiting.length > 0) {
      const Records = this.#waiting.splice(0, MAX_RECORDS);
      await queue.send([{ body: JSON.stringify({ Records }) }]).catch(onError);
    }
    this.#sending = undefined;
  }
}

/** Returns the record of an event as S3 writes it. */
function eventRecord(
  { bucket, key, etag, byteLength }: ObjectWritten,
  { atMillis, sequence }: { readonly atMillis: number; readonly sequence: bigint },
): unknown {
  const sequencer = sequence.toString(16).toUpperCase().padStart(SEQUENCER_DIGITS, '0');
  return {
    eventVersion: '2.1',
    eventSource: 'aws:s3',
    awsRegion: 'us-east-1',
    eventTime: new Date(atMillis).toISOString(),
    eventName: 'ObjectCreated:Put',
    s3: {
      s3SchemaVersion: '1.0',
      configurationId: 'intake',
      bucket: { name: bucket, arn: `arn:aws:s3:::${bucket}` },
      object: { key: encodedKey(key), size: byteLength, eTag: etag, sequencer },
    },
  };
}

/** Encodes a key as S3 does in events: form encoding, except for slashes. */
function encodedKey(key: string): string {
  return encodeURIComponent(key)
    .replace(/[!'()*~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%2F', '/')
    .replaceAll('%20', '+');
}
