import { GetQueueAttributesCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { LAMBDA_MAX_TIMEOUT_SECS } from '../../lib/config/compute.ts';
import { MAX_RECEIVES } from '../../lib/config/delivery.ts';
import type { MessageQueue } from '../../lib/stores/message-queue.ts';
import { openSqsQueue } from '../../lib/stores/sqs-queue.ts';
import { type EmbeddedAws, queueArn } from './embedded-aws.ts';

/** A queue of the fabric, with its parking queue for messages that failed all retries. */
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

/** Visibility timeout, longer than the timeout of any function. */
const VISIBILITY_SECS = LAMBDA_MAX_TIMEOUT_SECS + 60;
/** Maximum delay of retries and repeated checks, which cost nothing here. Delays that an endpoint requests are kept. */
const MAX_WAIT_SECS = 1;

export async function createLocalQueues(
  aws: Pick<EmbeddedAws, 'createQueue'>,
  pipelines: readonly string[],
  client: SQSClient,
): Promise<LocalQueues> {
  const create = async (name: string, { extendsFirst = true } = {}): Promise<LocalQueue> => {
    const { queue, ...created } = await createWithParking(aws, name, client);
    return { ...created, queue: soonAgain(queue, { extendsFirst }) };
  };
  const bundles = new Map<string, LocalQueue>();
  const deadLetters = new Map<string, MessageQueue>();
  for (const pipeline of pipelines) {
    bundles.set(pipeline, await create(`${pipeline}-bundles`));
    deadLetters.set(pipeline, openSqsQueue(await aws.createQueue(`${pipeline}-dead-letters`), client));
  }
  const finalizer = await create('finalizer');
  return {
    intake: await create('intake', { extendsFirst: false }),
    finalizer: { ...finalizer, queue: soonSent(finalizer.queue) },
    bundles,
    deadLetters,
  };
}

async function createWithParking(
  aws: Pick<EmbeddedAws, 'createQueue'>,
  name: string,
  client: SQSClient,
): Promise<LocalQueue> {
  const parked = `${name}-parked`;
  const parkedUrl = await aws.createQueue(parked);
  const redrive = { deadLetterTargetArn: queueArn(parked), maxReceiveCount: String(MAX_RECEIVES) };
  const url = await aws.createQueue(name, {
    VisibilityTimeout: String(VISIBILITY_SECS),
    RedrivePolicy: JSON.stringify(redrive),
  });
  return { name, url, parkedUrl, queue: openSqsQueue(url, client) };
}

/** Counts the messages in queues: waiting, delayed or received. The queues are counted one after the other. */
export async function messagesIn(urls: readonly string[], client: SQSClient): Promise<number> {
  let count = 0;
  for (const url of urls) count += await messagesInQueue(url, client);
  return count;
}

/** Returns true if none of the queues has a message. They are counted one after the other, up to the first that has one. */
export async function areEmpty(urls: readonly string[], client: SQSClient): Promise<boolean> {
  for (const url of urls) if ((await messagesInQueue(url, client)) > 0) return false;
  return true;
}

async function messagesInQueue(url: string, client: SQSClient): Promise<number> {
  const AttributeNames = [
    'ApproximateNumberOfMessages',
    'ApproximateNumberOfMessagesNotVisible',
    'ApproximateNumberOfMessagesDelayed',
  ] as const;
  const command = new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: [...AttributeNames] });
  const { Attributes = {} } = await client.send(command);
  return AttributeNames.reduce((sum, name) => sum + Number(Attributes[name] ?? 0), 0);
}

/** Returns a queue whose sent messages have short delays. */
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
 * Returns a queue whose failed messages come again soon.
 *
 * @param options.extendsFirst - true if the first change of a message's visibility is an extension by its consumer, which
 * is kept. Later changes set the delay of a retry.
 */
function soonAgain(queue: MessageQueue, { extendsFirst }: { readonly extendsFirst: boolean }): MessageQueue {
  const extended = new Set<string>();
  return {
    send: (messages, options) => queue.send(messages, options),
    receive: (options) => queue.receive(options),
    delete(receiptHandle, options) {
      extended.delete(receiptHandle);
      return queue.delete(receiptHandle, options);
    },
    changeVisibility(receiptHandle, secs, options) {
      const hasFailed = !extendsFirst || extended.has(receiptHandle);
      extended.add(receiptHandle);
      return queue.changeVisibility(receiptHandle, hasFailed ? Math.min(secs, MAX_WAIT_SECS) : secs, options);
    },
  };
}
