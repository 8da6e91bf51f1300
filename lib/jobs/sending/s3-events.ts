import { z } from 'zod';
import { InvalidMessageError } from '../../elements/messages.ts';
import type { ObjectAddress } from '../../stores/object-store.ts';

/** An object that was written, as S3 tells it: at least once, and in any order. */
export interface ObjectCreated extends ObjectAddress {
  /** Without quotes. */
  readonly etag: string;
  readonly byteLength: number;
  /** Orders the events of one object key: see `compareSequencers`. */
  readonly sequencer?: string;
  /** Milliseconds since 1970. */
  readonly eventTimeMillis: number;
}

const record = z.object({
  eventName: z.string(),
  eventTime: z.string().optional(),
  s3: z.object({
    bucket: z.object({ name: z.string().min(1) }),
    object: z.object({
      key: z.string().min(1),
      size: z.number().nonnegative().optional(),
      eTag: z.string().min(1),
      versionId: z.string().nullish(),
      sequencer: z.string().nullish(),
    }),
  }),
});

/** Those that don't tell of an object that was written may say what they like. */
const records = z.object({ Records: z.array(z.looseObject({ eventName: z.string() })) });
const testEvent = z.object({ Event: z.literal('s3:TestEvent') });

/** With or without the service's name before it. */
const CREATED = /^(?:s3:)?ObjectCreated:/;

/**
 * Reads the body of a notification from S3.
 *
 * @returns the objects that were written; none of a test event and of events of other kinds.
 * @throws InvalidMessageError where the body is no notification.
 */
export function readS3Event(body: string): readonly ObjectCreated[] {
  const value = parseJson(body);
  if (testEvent.safeParse(value).success) return [];
  return checked(records, value)
    .Records.filter(({ eventName }) => CREATED.test(eventName))
    .map((created) => objectCreated(checked(record, created)));
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch (error) {
    throw new InvalidMessageError('the message is not JSON', { cause: error });
  }
}

function checked<Shape>(shape: z.ZodType<Shape>, value: unknown): Shape {
  const result = shape.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = issue?.path.join('.') ?? '';
  throw new InvalidMessageError(
    `the message is no event of S3: ${path === '' ? 'it' : `'${path}'`} ${issue?.message ?? 'is wrong'}`,
  );
}

function objectCreated({ eventTime = '', s3: { bucket, object } }: z.infer<typeof record>): ObjectCreated {
  const { key, size = 0, eTag, versionId, sequencer } = object;
  return {
    bucket: bucket.name,
    // One that does not decode was not encoded.
    key: decodeObjectKey(key) ?? key,
    etag: eTag.replaceAll('"', ''),
    byteLength: size,
    eventTimeMillis: Date.parse(eventTime) || 0,
    ...(isVersion(versionId) ? { versionId } : {}),
    ...(typeof sequencer === 'string' && sequencer !== '' ? { sequencer } : {}),
  };
}

/** `null` is what every object of an unversioned bucket has: it tells no content from another. */
function isVersion(versionId: string | null | undefined): versionId is string {
  return typeof versionId === 'string' && versionId !== '' && versionId !== 'null';
}

/** Decodes an object key as S3 encodes them, as in a form: a space is '+'. Undefined where it does not decode. */
export function decodeObjectKey(encoded: string): string | undefined {
  try {
    return decodeURIComponent(encoded.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

/**
 * Which of two events of one object key is older: negative where `a` is, 0 where they are one event. Sequencers are
 * hexadecimal numbers of different lengths, filled up with zeros at their ends.
 */
export function compareSequencers(a: string, b: string): number {
  const digits = Math.max(a.length, b.length);
  const [left, right] = [a, b].map((sequencer) => sequencer.toLowerCase().padEnd(digits, '0'));
  return left === right ? 0 : (left ?? '') < (right ?? '') ? -1 : 1;
}
