import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { describeError } from '../lib/errors.ts';
import type { Deadline } from '../lib/jobs/fabric-ports.ts';
import type { ReceivedMessage } from '../lib/stores/message-queue.ts';
import { receivedMessage } from '../lib/stores/received-message.ts';
import type { Telemetry } from '../lib/telemetry/telemetry.ts';
import { type LambdaClock, lambdaDeadline } from './lambda-deadline.ts';

/** Handler of a batch of SQS messages; the messages that it returns as failed become visible again. */
export type SqsHandler = (event: SQSEvent, context: LambdaClock) => Promise<SQSBatchResponse>;

/** Returns the message of a record of Lambda's event. */
export function messageOf(record: SQSRecord): ReceivedMessage {
  return receivedMessage({ ...record, id: record.messageId });
}

/** Returns the response that names failed messages. */
export function failuresOf(ids: readonly string[]): SQSBatchResponse {
  return { batchItemFailures: ids.map((itemIdentifier) => ({ itemIdentifier })) };
}

/** Returns a handler that processes the messages of a batch concurrently; a message whose processing throws has failed. */
export function eachMessage(
  process: (message: ReceivedMessage, deadline: Deadline) => Promise<void>,
  telemetry: Telemetry,
): SqsHandler {
  return async ({ Records }, context) => {
    using deadline = lambdaDeadline(context);
    const messages = Records.map(messageOf);
    const results = await Promise.allSettled(messages.map((message) => process(message, deadline)));
    const failed: string[] = [];
    results.forEach((result, index) => {
      const message = messages[index];
      if (result.status === 'fulfilled' || message === undefined) return;
      failed.push(message.id);
      const { id, receiveCount } = message;
      telemetry.error('a message failed', { messageId: id, receiveCount, error: describeError(result.reason) });
    });
    return failuresOf(failed);
  };
}
