import type { MessageQueue } from '../../lib/stores/message-queue.ts';
import type { ObjectWritten } from './emulator-hooks.ts';

export interface NotificationsOptions {
  /** The bucket whose objects are told of. */
  readonly bucket: string;
  /** Where S3 sends the events. */
  readonly queue: MessageQueue;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  onError(error: unknown): void;
}

const SEQUENCER_DIGITS = 18;

/** The bucket notifications of S3: an event message for each object that is written to a bucket. */
export class Notifications {
  readonly #options: NotificationsOptions;
  /** Events that have not been sent. */
  #waiting: string[] = [];
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
    this.#waiting.push(JSON.stringify(s3Event(object, { atMillis: now(), sequence: this.#sequence })));
    this.#sending ??= this.#send();
  }

  /** Resolves when the events of all objects so far are in the queue. */
  async settled(): Promise<void> {
    while (this.#sending !== undefined) await this.#sending;
  }

  /** Sends what is waiting, in messages of their own, and what comes meanwhile after it. */
  async #send(): Promise<void> {
    const { queue, onError } = this.#options;
    while (this.#waiting.length > 0) {
      const bodies = this.#waiting;
      this.#waiting = [];
      await queue.send(bodies.map((body) => ({ body }))).catch(onError);
    }
    this.#sending = undefined;
  }
}

/** An event as S3 writes it. */
export function s3Event(
  { bucket, key, etag, byteLength }: ObjectWritten,
  { atMillis, sequence }: { readonly atMillis: number; readonly sequence: bigint },
): unknown {
  const sequencer = sequence.toString(16).toUpperCase().padStart(SEQUENCER_DIGITS, '0');
  const record = {
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
  return { Records: [record] };
}

/** A key as S3's events have it: encoded as a form's, but for its slashes. */
function encodedKey(key: string): string {
  return encodeURIComponent(key)
    .replace(/[!'()*~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%2F', '/')
    .replaceAll('%20', '+');
}
