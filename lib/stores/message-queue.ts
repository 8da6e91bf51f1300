import type { StoreOptions } from './object-store.ts';

/** Maximum bytes of a message: AWS accepts 1 MiB, older emulators 256 KiB. A larger body is stored, as a claim check. */
export const MAX_MESSAGE_BYTES = 240 * 1024;

export interface OutgoingMessage {
  /** JSON text. Characters that a queue refuses are escaped, as JSON allows. */
  readonly body: string;
  /** Seconds before it can be received, from 0 to 900. @default 0 */
  readonly delaySecs?: number;
  /** Group for fair queues: messages of one group do not delay those of others. */
  readonly groupId?: string;
  readonly attributes?: Readonly<Record<string, string>>;
}

export interface ReceivedMessage {
  readonly id: string;
  readonly body: string;
  readonly receiptHandle: string;
  /** Number of receives, including this one. */
  readonly receiveCount: number;
  /** Time at which it was sent, in milliseconds since 1970; a redelivery keeps it. */
  readonly sentAtMillis: number;
}

export interface ReceiveOptions extends StoreOptions {
  /** Maximum messages, from 1 to 10. */
  readonly maxMessages: number;
  /** Seconds to wait for a first message, from 0 to 20. */
  readonly waitSecs: number;
  /** Visibility timeout of the received messages in seconds, from 0 to 43,200. @default the queue's own */
  readonly visibilitySecs?: number | undefined;
}

/** A queue that delivers each message at least once: SQS. It throws the same errors as an ObjectStore. */
export interface MessageQueue {
  /** Sends any number of messages. @throws if one could not be sent; others may have been sent */
  send(messages: readonly OutgoingMessage[], options?: StoreOptions): Promise<void>;
  receive(options: ReceiveOptions): Promise<readonly ReceivedMessage[]>;
  /** Deletes a message. A message that no longer exists is not an error. */
  delete(receiptHandle: string, options?: StoreOptions): Promise<void>;
  /** Sets a message's visibility timeout from now; 0 requeues it at once. A message that no longer exists is not an error. */
  changeVisibility(receiptHandle: string, visibilitySecs: number, options?: StoreOptions): Promise<void>;
}
