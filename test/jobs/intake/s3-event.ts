import type { ReceivedMessage } from '../../../lib/stores/message-queue.ts';

/** An object as an event tells of it; its key is encoded on the way. */
export interface EventObject {
  readonly bucket: string;
  readonly key: string;
  readonly etag: string;
  readonly versionId?: string | undefined;
  readonly byteLength?: number;
  readonly sequencer?: string;
  readonly eventTime?: string;
}

/** The body of a notification, as S3 sends it. */
export function s3Event(objects: readonly EventObject[]): string {
  const Records = objects.map((object) => ({
    eventVersion: '2.1',
    eventSource: 'aws:s3',
    eventTime: object.eventTime ?? '2026-11-20T10:11:12.345Z',
    eventName: 'ObjectCreated:Put',
    s3: {
      s3SchemaVersion: '1.0',
      bucket: { name: object.bucket, arn: `arn:aws:s3:::${object.bucket}` },
      object: {
        key: encodeURIComponent(object.key).replaceAll('%2F', '/').replaceAll('%20', '+'),
        size: object.byteLength ?? 1,
        eTag: object.etag,
        ...(object.versionId === undefined ? {} : { versionId: object.versionId }),
        ...(object.sequencer === undefined ? {} : { sequencer: object.sequencer }),
      },
    },
  }));
  return JSON.stringify({ Records });
}

let messages = 0;

/** A message as a queue gives it. */
export function received(body: string, receiveCount = 1): ReceivedMessage {
  messages += 1;
  return { id: `message-${messages}`, body, receiptHandle: `receipt-${messages}`, receiveCount, sentAtMillis: 0 };
}
