import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  type Message,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { abortOn, type AwsClientOptions, clientConfig, endpointFromEnvironment } from './aws-client.ts';
import { isMessageGone, storeError } from './aws-errors.ts';
import type { MessageQueue, OutgoingMessage, ReceivedMessage, ReceiveOptions } from './message-queue.ts';
import type { StoreOptions } from './object-store.ts';
import { receivedMessage } from './received-message.ts';
import { sendToQueue } from './sqs-send.ts';

/** Opens a client for any number of queues, by the SDK's own settings. The caller destroys it. */
export function openSqsClient(options: AwsClientOptions = {}): SQSClient {
  const config = clientConfig(options);
  // The host name in an emulator's queue URLs can differ from the one at which the client reaches it.
  return new SQSClient({
    ...config,
    useQueueUrlAsEndpoint: (options.endpoint ?? endpointFromEnvironment('SQS')) === undefined,
  });
}

/** Opens a queue by its URL. Queues can share a client. */
export function openSqsQueue(url: string, client: SQSClient = openSqsClient()): MessageQueue {
  return new SqsQueue(url, client);
}

class SqsQueue implements MessageQueue {
  readonly #url: string;
  readonly #client: SQSClient;

  constructor(url: string, client: SQSClient) {
    this.#url = url;
    this.#client = client;
  }

  async send(messages: readonly OutgoingMessage[], { signal }: StoreOptions = {}): Promise<void> {
    await sendToQueue(this.#client, this.#url, { messages, signal });
  }

  async receive({
    maxMessages,
    waitSecs,
    visibilitySecs,
    signal,
  }: ReceiveOptions): Promise<readonly ReceivedMessage[]> {
    const command = new ReceiveMessageCommand({
      QueueUrl: this.#url,
      MaxNumberOfMessages: maxMessages,
      WaitTimeSeconds: waitSecs,
      ...(visibilitySecs === undefined ? {} : { VisibilityTimeout: visibilitySecs }),
      MessageSystemAttributeNames: ['ApproximateReceiveCount', 'SentTimestamp'],
    });
    const { Messages } = await this.#ask('receive from', signal, () => this.#client.send(command, abortOn(signal)));
    return (Messages ?? []).map(messageOf);
  }

  async delete(receiptHandle: string, { signal }: StoreOptions = {}): Promise<void> {
    const command = new DeleteMessageCommand({ QueueUrl: this.#url, ReceiptHandle: receiptHandle });
    await this.#unlessGone('delete from', signal, () => this.#client.send(command, abortOn(signal)));
  }

  async changeVisibility(receiptHandle: string, visibilitySecs: number, { signal }: StoreOptions = {}): Promise<void> {
    const command = new ChangeMessageVisibilityCommand({
      QueueUrl: this.#url,
      ReceiptHandle: receiptHandle,
      VisibilityTimeout: visibilitySecs,
    });
    await this.#unlessGone('change visibility in', signal, () => this.#client.send(command, abortOn(signal)));
  }

  async #unlessGone(action: string, signal: AbortSignal | undefined, send: () => Promise<unknown>): Promise<void> {
    await this.#ask(action, signal, async () => {
      try {
        await send();
      } catch (error) {
        if (!isMessageGone(error)) throw error;
      }
    });
  }

  async #ask<Answer>(action: string, signal: AbortSignal | undefined, send: () => Promise<Answer>): Promise<Answer> {
    try {
      return await send();
    } catch (error) {
      signal?.throwIfAborted();
      throw storeError(error, `${action} ${this.#url}`);
    }
  }
}

function messageOf({ MessageId, Body, ReceiptHandle, Attributes }: Message): ReceivedMessage {
  return receivedMessage({ id: MessageId, body: Body, receiptHandle: ReceiptHandle, attributes: Attributes });
}
