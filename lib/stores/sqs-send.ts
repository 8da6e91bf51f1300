import { setTimeout } from 'node:timers/promises';
import {
  type BatchResultErrorEntry,
  SendMessageBatchCommand,
  type SendMessageBatchRequestEntry,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { FabricError } from '../errors.ts';
import { abortOn } from './aws-client.ts';
import { storeError } from './aws-errors.ts';
import type { OutgoingMessage } from './message-queue.ts';
import type { StoreOptions } from './object-store.ts';
import { escapeForSqs } from './sqs-characters.ts';

/** SQS's limit on the messages of a batch. */
const MAX_ENTRIES = 10;
/** Limit of older emulators on a whole batch; AWS accepts 1 MiB. Attributes count, and ENTRY_BYTES for each entry. */
const MAX_BATCH_BYTES = 256 * 1024;
const ENTRY_BYTES = 256;
const BATCHES_AT_ONCE = 8;
/** Requests for the messages of a batch that SQS refused while it accepted others. */
const MAX_TRIES = 4;
const PAUSE_MILLIS = 200;

interface Sending extends StoreOptions {
  readonly messages: readonly OutgoingMessage[];
}

/** Sends messages in as few batches as possible, several at once: see `MessageQueue.send`. */
export async function sendToQueue(client: SQSClient, url: string, { messages, signal }: Sending): Promise<void> {
  const batches = batchesOf(messages);
  const sender = async (): Promise<void> => {
    for (let batch = batches.next(); !batch.done; batch = batches.next()) {
      signal?.throwIfAborted();
      await sendBatch(client, url, { batch: batch.value, signal });
    }
  };
  const senders = Array.from({ length: Math.min(BATCHES_AT_ONCE, messages.length) }, sender);
  // Waits for all senders: no request is in flight when the caller gets the error.
  const failed = (await Promise.allSettled(senders)).find((outcome) => outcome.status === 'rejected');
  if (failed) throw failed.reason;
}

/** Fills batches with messages, in order. */
function* batchesOf(messages: readonly OutgoingMessage[]): Generator<SendMessageBatchRequestEntry[]> {
  let batch: SendMessageBatchRequestEntry[] = [];
  let byteLength = 0;
  for (const message of messages) {
    const size = sizeOf(message);
    if (batch.length === MAX_ENTRIES || (batch.length > 0 && byteLength + size > MAX_BATCH_BYTES)) {
      yield batch;
      batch = [];
      byteLength = 0;
    }
    batch.push(entryOf(message, batch.length));
    byteLength += size;
  }
  if (batch.length > 0) yield batch;
}

function sizeOf({ body, attributes }: OutgoingMessage): number {
  const values = Object.entries(attributes ?? {})
    .flat()
    .join('');
  return Buffer.byteLength(body) + Buffer.byteLength(values) + ENTRY_BYTES;
}

function entryOf(
  { body, delaySecs, groupId, attributes }: OutgoingMessage,
  index: number,
): SendMessageBatchRequestEntry {
  const values = Object.entries(attributes ?? {}).map(([name, value]) => [
    name,
    { DataType: 'String', StringValue: value },
  ]);
  return {
    Id: String(index),
    MessageBody: escapeForSqs(body),
    ...(delaySecs !== undefined && delaySecs > 0 && { DelaySeconds: delaySecs }),
    ...(groupId !== undefined && { MessageGroupId: groupId }),
    ...(values.length > 0 && { MessageAttributes: Object.fromEntries(values) }),
  };
}

/** Sends a batch, and sends the messages that SQS refused again. */
async function sendBatch(
  client: SQSClient,
  url: string,
  { batch, signal }: StoreOptions & { readonly batch: readonly SendMessageBatchRequestEntry[] },
): Promise<void> {
  let left = batch;
  for (let tries = 1; ; tries += 1) {
    const refused = await requestBatch(client, url, { batch: left, signal });
    if (refused.length === 0) return;
    const fault = refused.find(({ SenderFault }) => SenderFault);
    if (fault !== undefined || tries === MAX_TRIES) throw notSent(url, fault ?? refused[0]);
    const ids = new Set(refused.map(({ Id }) => Id));
    left = left.filter(({ Id }) => ids.has(Id));
    await setTimeout(PAUSE_MILLIS * 2 ** tries * (0.5 + Math.random() / 2), undefined, signal ? { signal } : {});
  }
}

/** Makes one request; returns the messages that SQS refused. */
async function requestBatch(
  client: SQSClient,
  url: string,
  { batch, signal }: StoreOptions & { readonly batch: readonly SendMessageBatchRequestEntry[] },
): Promise<readonly BatchResultErrorEntry[]> {
  const command = new SendMessageBatchCommand({ QueueUrl: url, Entries: [...batch] });
  try {
    const { Failed } = await client.send(command, abortOn(signal));
    return Failed ?? [];
  } catch (error) {
    signal?.throwIfAborted();
    throw storeError(error, `send to ${url}`);
  }
}

function notSent(url: string, refused: BatchResultErrorEntry | undefined): FabricError {
  const message = `Cannot send to ${url}: ${refused?.Code}: ${refused?.Message ?? 'no reason was given'}`;
  return refused?.SenderFault
    ? new FabricError('STORE_REFUSED', message, { disposition: 'fatal' })
    : new FabricError('STORE_UNAVAILABLE', message, { disposition: 'retry' });
}
