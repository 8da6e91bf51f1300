import type { ReceivedMessage } from './message-queue.ts';

/** Fields of a message as SQS and Lambda give them: the counts are texts, and an emulator may omit any of them. */
export interface SqsMessageFields {
  readonly id: string | undefined;
  readonly body: string | undefined;
  readonly receiptHandle: string | undefined;
  readonly attributes:
    | { readonly ApproximateReceiveCount?: string | undefined; readonly SentTimestamp?: string | undefined }
    | undefined;
}

/** Makes a received message. Without counts it was received once, and sent now. */
export function receivedMessage({
  id = '',
  body = '',
  receiptHandle = '',
  attributes,
}: SqsMessageFields): ReceivedMessage {
  return {
    id,
    body,
    receiptHandle,
    receiveCount: Number(attributes?.ApproximateReceiveCount ?? 1),
    sentAtMillis: Number(attributes?.SentTimestamp ?? Date.now()),
  };
}
