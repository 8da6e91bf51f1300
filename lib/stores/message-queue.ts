import type { StoreOptions } from './object-store.ts';

/** AWS takes 1 MiB, older emulators 256 KiB; what is larger goes by claim check. */
export const MAX_MESSAGE_BYTES = 240 * 1024;

export interface OutgoingMessage {
  /** A JSON text: characters that a queue does not take are escaped as JSON does it. */
  readonly body: string;
  /** From 0 to 900. @default 0 */
  readonly delaySecs?: number;
  /** Fair queues: messages of one group do not hold up those of others. */
  readonly groupId?: string;
  readonly attributes?: Readonly<Record<string, string>>;
}

export interface ReceivedMessage {
  readonly id: string;
  readonly body: string;
  readonly receiptHandle: string;
  /** How many times it has been received, this time included. */
  readonly receiveCount: number;
  /** When it was sent, in milliseconds since 1970; redelivery keeps it. */
  readonly sentAtMillis: number;
}

export interface ReceiveOptions extends StoreOptions {
  /** From 1 to 10. */
  readonly maxMessages: number;
  /** From 0 to 20: how long to wait for a first message. */
  readonly waitSecs: number;
  /** How long what is received is hidden from others, from 0 to 43,200. @default the queue's own */
  readonly visibilitySecs?: number | undefined;
}

/** A queue that delivers each message at least once: SQS. Errors are as an ObjectStore's. */
export interface MessageQueue {
  /** Sends any number of messages. @throws where one could not be sent; others may have been */
  send(messages: readonly OutgoingMessage[], options?: StoreOptions): Promise<void>;
  receive(options: ReceiveOptions): Promise<readonly ReceivedMessage[]>;
  /** Ends a message. One that is gone is fine. */
  delete(receiptHandle: string, options?: StoreOptions): Promise<void>;
  /** Hides a message for so long from now on; with 0 it comes again at once. One that is gone is fine. */
  changeVisibility(receiptHandle: string, visibilitySecs: number, options?: StoreOptions): Promise<void>;
}
