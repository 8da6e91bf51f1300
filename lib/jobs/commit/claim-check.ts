import { type ClaimMessage, claimMessage, InvalidMessageError } from '../../elements/messages.ts';
import { MAX_MESSAGE_BYTES } from '../../stores/message-queue.ts';
import { getText, type StoreOptions } from '../../stores/object-store.ts';
import { s3Uri } from '../../stores/open-source.ts';
import { escapeForSqs } from '../../stores/sqs-characters.ts';
import type { OutputBucket } from '../fabric-ports.ts';

/** A body is parsed as a whole; a producer's must not take the memory that elements need. */
const MAX_CLAIMED_BYTES = 64 * 1024 * 1024;

export interface CheckInOptions extends StoreOptions {
  readonly pipeline: string;
  /** Where the body goes if it is too large for a queue. */
  readonly key: string;
  readonly output: OutputBucket;
  /** Puts a small body there too. @default false */
  readonly always?: boolean;
}

/** Returns what to send for a JSON body: the body, or the claim on it if it is over MAX_MESSAGE_BYTES. */
export async function checkIn(
  body: string,
  { pipeline, key, output, always = false, signal }: CheckInOptions,
): Promise<string> {
  const sendable = escapeForSqs(body);
  if (!always && Buffer.byteLength(sendable) <= MAX_MESSAGE_BYTES) return sendable;
  const { store, bucket } = output;
  await store.put({ bucket, key }, body, { contentType: 'application/json', signal });
  const claim: ClaimMessage = { version: 1, kind: 'claim', pipeline, body: { bucket, key } };
  return escapeForSqs(JSON.stringify(claim));
}

/** The body that a message stands for. */
export interface RedeemedBody {
  readonly text: string;
  /** Where it was read from; undefined where it is the message's own. */
  readonly claimed?: ClaimMessage['body'];
}

/**
 * The body that a message stands for: its own text, or what it claims.
 *
 * @throws InvalidMessageError where the claimed body is not there, or is too large.
 */
export async function redeem(text: string, { store }: OutputBucket, options: StoreOptions = {}): Promise<RedeemedBody> {
  const address = claimedBody(text);
  if (address === undefined) return { text };
  const uri = s3Uri(address.bucket, address.key);
  const info = await store.head(address, options);
  if (info !== undefined && info.byteLength > MAX_CLAIMED_BYTES) {
    throw new InvalidMessageError(
      `the message's body, ${uri}, has ${info.byteLength} bytes, more than ${MAX_CLAIMED_BYTES}`,
    );
  }
  const body = await getText(store, address, options);
  if (body === undefined) throw new InvalidMessageError(`the message's body, ${uri}, is not there`);
  return { text: body.text, claimed: address };
}

/** Returns the address in a claim; any other text is left to its parser. */
function claimedBody(text: string): ClaimMessage['body'] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return claimMessage.safeParse(value).data?.body;
}
