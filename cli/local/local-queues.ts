import { GetQueueAttributesCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { LAMBDA_MAX_TIMEOUT_SECS } from '../../lib/config/compute.ts';
import { MAX_RECEIVES } from '../../lib/config/delivery.ts';
import type { MessageQueue } from '../../lib/stores/message-queue.ts';
import { openSqsQueue } from '../../lib/stores/sqs-queue.ts';
import { type EmbeddedAws, queueArn } from './embedded-aws.ts';

/** A queue of the fabric, and the one beside it where its messages are parked. */
export interface LocalQueue {
  readonly name: string;
  readonly url: string;
  readonly queue: MessageQueue;
  readonly parkedUrl: string;
}

/** The queues of a fabric; bundles and dead letters by pipeline. */
export interface LocalQueues {
  readonly intake: LocalQueue;
  readonly finalizer: LocalQueue;
  readonly bundles: ReadonlyMap<string, LocalQueue>;
  readonly deadLetters: ReadonlyMap<string, MessageQueue>;
}

/** Longer than any function runs. */
const VISIBILITY_SECS = LAMBDA_MAX_TIMEOUT_SECS + 60;
/** Trying again and looking again cost nothing here, and someone is waiting. What an endpoint asks for is waited for. */
const MAX_WAIT_SECS = 1;

export async function createLocalQueues(
  aws: Pick<EmbeddedAws, 'createQueue'>,
  pipelines: readonly string[],
  client: SQSClient,
): Promise<LocalQueues> {
  const bundles = new Map<string, LocalQueue>();
  const deadLetters = new Map<string, MessageQueue>();
  for (const pipeline of pipelines) {
    bundles.set(pipeline, await createWithParking(aws, `${pipeline}-bundles`, client));
    deadLetters.set(pipeline, openSqsQueue(await aws.createQueue(`${pipeline}-dead-letters`), client));
  }
  const finalizer = await createWithParking(aws, 'finalizer', client);
  return {
    intake: await createWithParking(aws, 'intake', client, { isTakenFirst: false }),
    finalizer: { ...finalizer, queue: soonSent(finalizer.queue) },
    bundles,
    deadLetters,
  };
}

async function createWithParking(
  aws: Pick<EmbeddedAws, 'createQueue'>,
  name: string,
  client: SQSClient,
  { isTakenFirst = true } = {},
): Promise<LocalQueue> {
  const parked = `${name}-parked`;
  const parkedUrl = await aws.createQueue(parked);
  const redrive = { deadLetterTargetArn: queueArn(parked), maxReceiveCount: String(MAX_RECEIVES) };
  const url = await aws.createQueue(name, {
    VisibilityTimeout: String(VISIBILITY_SECS),
    RedrivePolicy: JSON.stringify(redrive),
  });
  return { name, url, parkedUrl, queue: soonAgain(openSqsQueue(url, client), { isTakenFirst }) };
}

/** The messages that are in queues: waiting, delayed or received. Those of one queue are counted after the one before. */
export async function messagesIn(urls: readonly string[], client: SQSClient): Promise<number> {
  const AttributeNames = [
    'ApproximateNumberOfMessages',
    'ApproximateNumberOfMessagesNotVisible',
    'ApproximateNumberOfMessagesDelayed',
  ] as const;
  let count = 0;
  for (const QueueUrl of urls) {
    const command = new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [...AttributeNames] });
    const { Attributes = {} } = await client.send(command);
    for (const name of AttributeNames) count += Number(Attributes[name] ?? 0);
  }
  return count;
}

/** The same queue with short delays of what is sent. */
function soonSent(queue: MessageQueue): MessageQueue {
  return {
    ...queue,
    send: (messages, options) =>
      queue.send(
        messages.map((message) => ({ ...message, delaySecs: Math.min(message.delaySecs ?? 0, MAX_WAIT_SECS) })),
        options,
      ),
  };
}

/**
 * The same queue with short waits of messages that failed.
 *
 * @param options.isTakenFirst - whether who takes a message hides it for as long as that may take, which stays as it is.
 */
function soonAgain(queue: MessageQueue, { isTakenFirst }: { readonly isTakenFirst: boolean }): MessageQueue {
  const taken = new Set<string>();
  return {
    send: (messages, options) => queue.send(messages, options),
    receive: (options) => queue.receive(options),
    delete(receiptHandle, options) {
      taken.delete(receiptHandle);
      return queue.delete(receiptHandle, options);
    },
    changeVisibility(receiptHandle, secs, options) {
      const hasFailed = !isTakenFirst || taken.has(receiptHandle);
      taken.add(receiptHandle);
      return queue.changeVisibility(receiptHandle, hasFailed ? Math.min(secs, MAX_WAIT_SECS) : secs, options);
    },
  };
}
