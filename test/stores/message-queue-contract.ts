import { randomUUID } from 'node:crypto';
import {
  CreateQueueCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MAX_MESSAGE_BYTES, type MessageQueue, type ReceivedMessage } from '../../lib/stores/message-queue.ts';
import { openSqsQueue } from '../../lib/stores/sqs-queue.ts';

export interface QueuesUnderTest extends AsyncDisposable {
  /** The suite makes queues of its own with it, and deletes them. */
  readonly sqs: SQSClient;
}

/** Long polling ends at the first message, so this is only how long a failing test takes. */
const WAIT_SECS = 10;

/** What every queue of SQS promises, whoever emulates it. */
export function describeMessageQueue(name: string, { open }: { readonly open: () => Promise<QueuesUnderTest> }): void {
  describe(name, { concurrent: true }, () => {
    let opened: QueuesUnderTest;
    const urls: string[] = [];
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(async () => {
      await Promise.all(urls.map((QueueUrl) => opened.sqs.send(new DeleteQueueCommand({ QueueUrl }))));
      await opened[Symbol.asyncDispose]();
    });

    async function createQueue(Attributes: Record<string, string> = {}): Promise<{ queue: MessageQueue; url: string }> {
      const { sqs } = opened;
      const { QueueUrl = '' } = await sqs.send(
        new CreateQueueCommand({ QueueName: `test-${randomUUID()}`, Attributes }),
      );
      urls.push(QueueUrl);
      return { queue: openSqsQueue(QueueUrl, sqs), url: QueueUrl };
    }

    test('delivers what was sent, and when it was', async ({ expect }) => {
      const { queue } = await createQueue();
      const before = Date.now();
      await queue.send([{ body: '{"text":"zwölf 🧪\\n"}' }]);
      const [message] = await queue.receive({ maxMessages: 10, waitSecs: WAIT_SECS });
      expect(message).toMatchObject({ body: '{"text":"zwölf 🧪\\n"}', receiveCount: 1 });
      expect(message?.id).not.toBe('');
      expect(message?.sentAtMillis).toBeGreaterThan(before - 5_000);
      expect(message?.sentAtMillis).toBeLessThan(Date.now() + 5_000);
    });

    test('carries any value as JSON, whatever characters are in it', async ({ expect }) => {
      const { queue } = await createQueue();
      const value = {
        text: `${String.fromCharCode(...Array.from({ length: 256 }, (_, code) => code))}\ud800\ufffe\uffff🧪`,
      };
      await queue.send([{ body: JSON.stringify(value) }]);
      const [message] = await drain(queue, 1);
      expect(JSON.parse(message?.body ?? '')).toEqual(value);
    });

    test('gives nothing where nothing is, and takes nothing to send', async ({ expect }) => {
      const { queue } = await createQueue();
      await queue.send([]);
      expect(await queue.receive({ maxMessages: 10, waitSecs: 0 })).toEqual([]);
    });

    test('sends 25 messages in one go', async ({ expect }) => {
      const { queue } = await createQueue();
      const bodies = Array.from({ length: 25 }, (_, index) => `message ${index}`);
      await queue.send(bodies.map((body) => ({ body })));
      expect((await drain(queue, 25)).map(({ body }) => body).sort()).toEqual(bodies.toSorted());
    });

    test('sends messages that are each almost as large as a batch may be', async ({ expect }) => {
      const { queue } = await createQueue();
      const bodies = Array.from({ length: 5 }, (_, index) => String(index).repeat(MAX_MESSAGE_BYTES));
      await queue.send(bodies.map((body) => ({ body, attributes: { stage: 'inference' } })));
      const received = await drain(queue, 5);
      expect(received.map(({ body }) => `${body[0]} ${body.length}`).sort()).toEqual(
        bodies.map((_body, index) => `${index} ${MAX_MESSAGE_BYTES}`),
      );
    });

    test('rejects a message that no queue takes, for good', async ({ expect }) => {
      const { queue } = await createQueue();
      await expect(queue.send([{ body: 'x'.repeat(1_100_000) }])).rejects.toMatchObject({ disposition: 'fatal' });
    });

    test('ends a message, also one that has ended', async ({ expect }) => {
      const { queue } = await createQueue({ VisibilityTimeout: '1' });
      await queue.send([{ body: 'once' }]);
      const [message] = await drain(queue, 1);
      await queue.delete(message?.receiptHandle ?? '');
      await queue.delete(message?.receiptHandle ?? '');
      await queue.changeVisibility(message?.receiptHandle ?? '', 10);
      expect(await queue.receive({ maxMessages: 10, waitSecs: 2 })).toEqual([]);
    });

    test('delivers a message again that was not ended, with its id and a higher count', async ({ expect }) => {
      const { queue } = await createQueue({ VisibilityTimeout: '1' });
      await queue.send([{ body: 'again' }]);
      const [first] = await drain(queue, 1);
      expect(await queue.receive({ maxMessages: 10, waitSecs: 0 })).toEqual([]);
      const [second] = await drain(queue, 1);
      expect(second).toEqual({ ...first, receiveCount: 2, receiptHandle: second?.receiptHandle });
    });

    test('hides a message for as long as it is told, or not at all', async ({ expect }) => {
      const { queue } = await createQueue({ VisibilityTimeout: '1' });
      await queue.send([{ body: 'hidden' }]);
      const [first] = await drain(queue, 1);
      await queue.changeVisibility(first?.receiptHandle ?? '', 60);
      expect(await queue.receive({ maxMessages: 10, waitSecs: 2 })).toEqual([]);
      await queue.changeVisibility(first?.receiptHandle ?? '', 0);
      expect(await drain(queue, 1)).toMatchObject([{ id: first?.id, receiveCount: 2 }]);
    });

    test('hides a message for as long as its receiver wants, whatever the queue has', async ({ expect }) => {
      const { queue } = await createQueue({ VisibilityTimeout: '600' });
      await queue.send([{ body: 'hidden' }]);
      const options = { maxMessages: 10, waitSecs: WAIT_SECS };
      const [first] = await queue.receive({ ...options, visibilitySecs: 1 });
      expect(first).toMatchObject({ receiveCount: 1 });
      expect(await queue.receive({ ...options, visibilitySecs: 600 })).toMatchObject([{ receiveCount: 2 }]);
      expect(await queue.receive({ ...options, waitSecs: 2 })).toEqual([]);
    });

    test('delivers a message no sooner than its delay', async ({ expect }) => {
      const { queue } = await createQueue();
      const before = Date.now();
      await queue.send([{ body: 'late', delaySecs: 2 }, { body: 'soon' }]);
      expect(await drain(queue, 1)).toMatchObject([{ body: 'soon' }]);
      expect(await drain(queue, 1)).toMatchObject([{ body: 'late' }]);
      expect(Date.now() - before).toBeGreaterThan(1_500);
    });

    test('moves a message on when it was received too often', async ({ expect }) => {
      const parked = await createQueue();
      const { queue } = await createQueue({
        VisibilityTimeout: '60',
        RedrivePolicy: JSON.stringify({ deadLetterTargetArn: await arnOf(parked.url), maxReceiveCount: 2 }),
      });
      await queue.send([{ body: 'poison' }]);
      for (const receiveCount of [1, 2]) {
        const [message] = await drain(queue, 1);
        expect(message?.receiveCount).toBe(receiveCount);
        await queue.changeVisibility(message?.receiptHandle ?? '', 0);
      }
      expect(await queue.receive({ maxMessages: 1, waitSecs: 1 })).toEqual([]);
      expect(await drain(parked.queue, 1)).toMatchObject([{ body: 'poison' }]);
    });

    test('carries attributes, and the group of a fair queue', async ({ expect }) => {
      const { queue, url } = await createQueue();
      await queue.send([{ body: 'letter', groupId: 'job', attributes: { stage: 'inference', errorName: 'Ä' } }]);
      const command = new ReceiveMessageCommand({
        QueueUrl: url,
        WaitTimeSeconds: WAIT_SECS,
        MessageAttributeNames: ['All'],
      });
      const { Messages } = await opened.sqs.send(command);
      expect(Messages?.[0]?.MessageAttributes).toMatchObject({
        stage: { DataType: 'String', StringValue: 'inference' },
        errorName: { DataType: 'String', StringValue: 'Ä' },
      });
    });

    test('answers a waiting receiver as soon as a message comes, or when it is told to stop', async ({ expect }) => {
      const { queue } = await createQueue();
      const before = Date.now();
      const receiving = queue.receive({ maxMessages: 1, waitSecs: 20 });
      await queue.send([{ body: 'here' }]);
      expect(await receiving).toMatchObject([{ body: 'here' }]);
      const stop = new AbortController();
      const stopped = queue.receive({ maxMessages: 1, waitSecs: 20, signal: stop.signal });
      stop.abort(new Error('shutting down'));
      await expect(stopped).rejects.toThrow('shutting down');
      expect(Date.now() - before).toBeLessThan(15_000);
    });

    test('is fatal where there is no such queue', async ({ expect }) => {
      const { url } = await createQueue();
      const queue = openSqsQueue(`${url}-missing`, opened.sqs);
      await expect(queue.receive({ maxMessages: 1, waitSecs: 0 })).rejects.toMatchObject({
        code: 'STORE_REFUSED',
        disposition: 'fatal',
        message: expect.stringContaining(`${url}-missing`),
      });
      await expect(queue.send([{ body: 'text' }])).rejects.toMatchObject({ disposition: 'fatal' });
    });

    async function arnOf(QueueUrl: string): Promise<string> {
      const command = new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] });
      return (await opened.sqs.send(command)).Attributes?.QueueArn ?? '';
    }
  });
}

/** Receives until so many messages have come; fails where they do not. */
async function drain(queue: MessageQueue, count: number): Promise<ReceivedMessage[]> {
  const received: ReceivedMessage[] = [];
  while (received.length < count) {
    const messages = await queue.receive({ maxMessages: Math.min(10, count - received.length), waitSecs: WAIT_SECS });
    expect(messages, `${received.length} of ${count} came`).not.toEqual([]);
    received.push(...messages);
  }
  return received;
}
