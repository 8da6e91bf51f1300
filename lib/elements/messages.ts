import { z } from 'zod';
import { FabricError } from '../errors.ts';

/** The message is not a fabric message: its sender must be corrected. */
export class InvalidMessageError extends FabricError {
  override readonly name = 'InvalidMessageError';
  constructor(message: string, options?: ErrorOptions) {
    super('INVALID_MESSAGE', message, { ...options, disposition: 'poison' });
  }
}

const head = { version: z.literal(1), pipeline: z.string() };
const name = z.string().min(1);
const count = z.int().nonnegative();

/** Valid ids, as SQS makes them. An id becomes part of object keys and metadata, so a producer's id is checked. */
const MESSAGE_ID = /^[\w-]{1,100}$/;
/** The end of the year 9999, in milliseconds since 1970: later times are not dates. */
const MAX_MILLIS = 253_402_300_799_999;

const objectAddress = { bucket: name, key: name, versionId: name.optional(), etag: name };
/** Fields that a message keeps from the one that it replaces, as a redelivery would. */
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

/** Runs failed elements of a committed bundle again. */
export const redriveMessage = z.object({
  ...head,
  ...history,
  kind: z.literal('redrive'),
  job: name,
  bundle: count,
  of: count,
  select,
});

/** Names the parts of a message: its own id and time, or those of the message that it replaces. */
const origin = z.object({ messageId: z.string().regex(MESSAGE_ID), sentAtMillis: count.max(MAX_MILLIS) });

/**
 * Elements from any producer. They are checked one by one when they are read, so that a bad one fails alone. The fields
 * `attempts`, `firstSentAt`, `origin` and `receives` count only in a message that the fabric sent to replace another.
 */
export const elementsMessage = z.object({
  ...head,
  ...history,
  kind: z.literal('elements'),
  elements: z.array(z.unknown()),
  /** The message that this one replaces. */
  origin: origin.optional(),
  /** Receives of that message. */
  receives: count.optional(),
});

/** Settles the part of an `elements` message, if it has one: no other process does so. */
export const settleMessage = z.object({ ...head, ...history, kind: z.literal('settle'), origin });

/** Ends a job, or checks again later. `until` is in milliseconds since 1970. */
export const finalizeMessage = z.object({
  ...head,
  kind: z.literal('finalize'),
  job: name,
  until: count,
  /** Seconds that it waited before this check. */
  delaySecs: count.optional(),
  /** Number of parts that the last check found. */
  parts: count.optional(),
  /** After a redrive: limits on failures do not stop the job again. */
  redrive: z.boolean().optional(),
});

/** Continues intake of an object where an earlier run of its function stopped; the state is at `.fabric/<pipeline>/<job>/`. */
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

/** @throws InvalidMessageError if the text is not a message; it names the wrong field. */
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
    `not a fabric message: ${path === '' ? 'it' : `'${path}'`} ${issue?.message ?? 'is wrong'}`,
  );
}
