import type { SQSEvent } from 'aws-lambda';
import { describe, expect, test } from 'vitest';
import { eachMessage } from '../../functions/sqs-handler.ts';
import type { Deadline } from '../../lib/jobs/fabric-ports.ts';
import type { ReceivedMessage } from '../../lib/stores/message-queue.ts';
import { SILENT } from '../../lib/telemetry/telemetry.ts';

const context = { getRemainingTimeInMillis: () => 60_000 };

function eventOf(...ids: readonly string[]): SQSEvent {
  return {
    Records: ids.map((id, index) => ({
      messageId: id,
      receiptHandle: `handle of ${id}`,
      body: `body of ${id}`,
      attributes: {
        ApproximateReceiveCount: String(index + 1),
        SentTimestamp: '1763692242000',
        SenderId: 'AIDA',
        ApproximateFirstReceiveTimestamp: '1763692243000',
      },
      messageAttributes: {},
      md5OfBody: '',
      eventSource: 'aws:sqs',
      eventSourceARN: 'arn:aws:sqs:eu-west-1:123456789012:wine',
      awsRegion: 'eu-west-1',
    })),
  };
}

describe("a handler of a queue's messages", () => {
  test('gives each message as the queue has it', async () => {
    const taken: ReceivedMessage[] = [];
    const handler = eachMessage(async (message) => void taken.push(message), SILENT);
    expect(await handler(eventOf('a', 'b'), context)).toEqual({ batchItemFailures: [] });
    expect(taken).toEqual([
      { id: 'a', body: 'body of a', receiptHandle: 'handle of a', receiveCount: 1, sentAtMillis: 1763692242000 },
      { id: 'b', body: 'body of b', receiptHandle: 'handle of b', receiveCount: 2, sentAtMillis: 1763692242000 },
    ]);
  });

  test('takes the messages of an event side by side', async () => {
    const both = Promise.withResolvers<void>();
    let running = 0;
    const handler = eachMessage(async () => {
      running += 1;
      if (running === 2) both.resolve();
      await both.promise;
    }, SILENT);
    expect(await handler(eventOf('a', 'b'), context)).toEqual({ batchItemFailures: [] });
  });

  test('names those that failed and no others, and says why in the log', async () => {
    const logged: unknown[] = [];
    const telemetry = { ...SILENT, error: (message: string, fields: unknown) => void logged.push([message, fields]) };
    const handler = eachMessage(async ({ id }) => {
      if (id === 'a') throw new TypeError('the first');
      if (id === 'c') await Promise.reject(new Error('the third'));
    }, telemetry);
    expect(await handler(eventOf('a', 'b', 'c'), context)).toEqual({
      batchItemFailures: [{ itemIdentifier: 'a' }, { itemIdentifier: 'c' }],
    });
    expect(logged).toEqual([
      ['a message failed', { messageId: 'a', receiveCount: 1, error: { name: 'TypeError', message: 'the first' } }],
      ['a message failed', { messageId: 'c', receiveCount: 3, error: { name: 'Error', message: 'the third' } }],
    ]);
  });

  test('gives all of them the time that the function has left', async () => {
    const deadlines: Deadline[] = [];
    const handler = eachMessage(async (_message, deadline) => void deadlines.push(deadline), SILENT);
    await handler(eventOf('a'), context);
    expect(deadlines[0]?.remainingMillis()).toBe(60_000);
    expect(deadlines[0]?.signal.aborted).toBe(false);
  });
});
