import type { MessageQueue } from '../../lib/stores/message-queue.ts';
import type { ObjectWritten } from './embedded-aws.ts';

export interface NotificationsOptions {
  /** The bucket whose objects are told of. */
  readonly bucket: string;
  /** Where S3 sends the events. */
  readonly queue: MessageQueue;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly onError: (error: unknown) => void;
}

/** Of an event; with the longest keys they are far below what a message may have. */
const MAX_RECORDS = 50;
const SEQUENCER_DIGITS = 18;

/** The bucket notifications of S3: events in a queue that tell of each object that is written to a bucket. */
export class Notifications {
  readonly #options: NotificationsOptions;
  /** What has not been sent. */
  readonly #waiting: unknown[] = [];
  #sending: Promise<void> | undefined;
  #sequence = 0n;

  constructor(options: NotificationsOptions) {
    this.#options = options;
  }

  /** Tells of an object, if it is in the bucket. */
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

  /** Sends what is waiting, and what comes meanwhile after it. S3, too, may tell of several objects in one event. */
  async #send(): Promise<void> {
    const { queue, onError } = this.#options;
    while (this.#waiting.length > 0) {
      const Records = this.#waiting.splice(0, MAX_RECORDS);
      await queue.send([{ body: JSON.stringify({ Records }) }]).catch(onError);
    }
    this.#sending = undefined;
  }
}

/** A record of an event as S3 writes it. */
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

/** A key as S3's events have it: encoded as a form's, but for its slashes. */
function encodedKey(key: string): string {
  return encodeURIComponent(key)
    .replace(/[!'()*~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%2F', '/')
    .replaceAll('%20', '+');
}
