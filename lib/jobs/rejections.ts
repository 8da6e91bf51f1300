import { createHash } from 'node:crypto';
import { rejectedKey } from './output-layout.ts';

/** An input, here or in a bucket, that makes no job. */
export interface RejectedKey {
  /** `<pipeline>/<anything>` */
  readonly key: string;
  readonly versionId?: string | undefined;
}

/** S3's limit on object keys, which the key of an explanation keeps, whatever the object is called. */
const MAX_KEY_BYTES = 1024;
/** They are no part of a name anywhere; the explanation has the key as it is. */
// oxlint-disable-next-line no-control-regex
const UNSAFE_CHARACTER = /[\u0000-\u001f\u007f\ufffe\uffff]|\p{Surrogate}/gu;

/** The text of an explanation: why the input makes no job. */
export function explanation({ key, versionId }: RejectedKey, reason: string, nowMillis: number): string {
  const version = versionId === undefined ? {} : { versionId };
  return `${JSON.stringify({ key, ...version, reason, at: new Date(nowMillis).toISOString() })}\n`;
}

/** Where an explanation goes: `_rejected/<key>.json`; where that is too long for an object key, the key's digest is in its place. */
export function explanationKey(key: string): string {
  const safe = key.replaceAll(UNSAFE_CHARACTER, (character) => `%${character.charCodeAt(0).toString(16)}`);
  const whole = rejectedKey(safe);
  if (Buffer.byteLength(whole) <= MAX_KEY_BYTES) return whole;
  return rejectedKey(`~${createHash('sha256').update(key).digest('hex')}`);
}
