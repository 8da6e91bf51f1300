import { z } from 'zod';
import { FabricError } from '../errors.ts';

/** A message that is not one of the fabric's: its sender has to change. */
export class InvalidMessageError extends FabricError {
  override readonly name = 'InvalidMessageError';
  constructor(message: string, options?: ErrorOptions) {
    super('INVALID_MESSAGE', message, { ...options, disposition: 'poison' });
  }
}

const head = { version: z.literal(1), pipeline: z.string() };
const name = z.string().min(1);
const count = z.int().nonnegative();

/** As SQS makes them. It becomes a part of object keys and metadata, so that a producer's own is not taken as it comes. */
const MESSAGE_ID = /^[\w-]{1,100}$/;
/** The end of the year 9999, in milliseconds since 1970: what is later has no date. */
const MAX_MILLIS = 253_402_300_799_999;

const objectAddress = { bucket: name, key: name, versionId: name.optional(), etag: name };
/** What a message sent in the place of another carries over: redelivery would have kept it. */
const history = { attempts: count.optional(), firstSentAt: count.optional() };

const bundle = {
  ...head,
  job: name,
  bundle: count,
  of: count,
  source: z.object({
    ...objectAddress,
    format: z.string(),
    range: z.object({ start: count, end: count }),
  }),
};
const select = z.object({ stage: name.optional(), errorName: name.optional() });

export const bundleMessage = z.object({ ...bundle, ...history, kind: z.literal('bundle') });

/** Objects that are one element each. With a `job` they are a bundle of its list; without, each is answered by itself. */
export const objectsMessage = z.object({
  ...head,
  ...history,
  kind: z.literal('objects'),
  objects: z.array(z.object({ ...objectAddress, etag: name.optional(), sequencer: name.optional() })),
  job: name.optional(),
  bundle: count.optional(),
  of: count.optional(),
});

/** Failed elements of a committed bundle are to run again. */
export const redriveMessage = z.object({
  ...head,
  ...history,
  kind: z.literal('redrive'),
  job: name,
  bundle: count,
  of: count,
  select,
});

/** Names the parts of a message: its own id and time, or those of the message in whose place it was sent. */
const origin = z.object({ messageId: z.string().regex(MESSAGE_ID), sentAtMillis: count.max(MAX_MILLIS) });

/**
 * Elements from any producer. They are checked one by one when they are read, so that a bad one fails alone. The fields
 * `attempts`, `firstSentAt`, `origin` and `receives` count only in a message that the fabric sent in the place of another.
 */
export const elementsMessage = z.object({
  ...head,
  ...history,
  kind: z.literal('elements'),
  elements: z.array(z.unknown()),
  /** The message that this one was sent in the place of. */
  origin: origin.optional(),
  /** Receives of that message. */
  receives: count.optional(),
});

/** The part of an `elements` message is to be settled, if there is one: no other process looks at it again. */
export const settleMessage = z.object({ ...head, ...history, kind: z.literal('settle'), origin });

/** Ends a job, or looks again later. `until` is in milliseconds since 1970. */
export const finalizeMessage = z.object({
  ...head,
  kind: z.literal('finalize'),
  job: name,
  until: count,
  /** How long it waited before this look. */
  delaySecs: count.optional(),
  /** Parts that the last look found. */
  parts: count.optional(),
  /** After a redrive: limits on failures do not stop the job again. */
  redrive: z.boolean().optional(),
});

/** Intake goes on with an object where an earlier run of its function stopped; the state is at `.fabric/<pipeline>/<job>/`. */
export const intakeMessage = z.object({ ...head, kind: z.literal('intake'), job: name, at: name });

/** A body that is too large for a queue is in S3, at this address. */
export const claimMessage = z.object({
  version: z.literal(1),
  kind: z.literal('claim'),
  pipeline: z.string(),
  body: z.object({ bucket: name, key: name }),
});

const message = z.discriminatedUnion('kind', [
  bundleMessage,
  objectsMessage,
  redriveMessage,
  elementsMessage,
  settleMessage,
  finalizeMessage,
  intakeMessage,
  claimMessage,
]);

export type Message = z.infer<typeof message>;
export type BundleMessage = z.infer<typeof bundleMessage>;
export type ObjectsMessage = z.infer<typeof objectsMessage>;
export type RedriveMessage = z.infer<typeof redriveMessage>;
export type RedriveSelection = z.infer<typeof select>;
export type ElementsMessage = z.infer<typeof elementsMessage>;
export type Origin = z.infer<typeof origin>;
export type SettleMessage = z.infer<typeof settleMessage>;
export type FinalizeMessage = z.infer<typeof finalizeMessage>;
export type IntakeMessage = z.infer<typeof intakeMessage>;
export type ClaimMessage = z.infer<typeof claimMessage>;

/** @throws InvalidMessageError that says where the text departs from every kind of message. */
export function parseMessage(text: string): Message {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InvalidMessageError('the message is not JSON', { cause: error });
  }
  const result = message.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = issue?.path.join('.') ?? '';
  throw new InvalidMessageError(
    `the message is none of the fabric's: ${path === '' ? 'it' : `'${path}'`} ${issue?.message ?? 'is wrong'}`,
  );
}
