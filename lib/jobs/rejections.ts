import { createHash } from 'node:crypto';
import { MAX_KEY_BYTES } from '../stores/object-store.ts';
import { rejectedKey } from './output-layout.ts';

/** An input, local or in a bucket, that makes no job. */
export interface RejectedKey {
  /** `<pipeline>/<anything>` */
  readonly key: string;
  readonly versionId?: string | undefined;
}

/** Characters that the names of explanations do not have; the text of the explanation has the unchanged key. */
// oxlint-disable-next-line no-control-regex
const UNSAFE_CHARACTER = /[\u0000-\u001f\u007f\ufffe\uffff]|\p{Surrogate}/gu;

/** Returns the text of an explanation: why the input makes no job. */
export function explanation({ key, versionId }: RejectedKey, reason: string, nowMillis: number): string {
  const version = versionId === undefined ? {} : { versionId };
  return `${JSON.stringify({ key, ...version, reason, at: new Date(nowMillis).toISOString() })}\n`;
}

/** Returns the key of an explanation: `_rejected/<key>.json`, or with the key's digest if that is too long. */
export function explanationKey(key: string): string {
  const safe = key.replaceAll(UNSAFE_CHARACTER, (character) => `%${character.charCodeAt(0).toString(16)}`);
  const whole = rejectedKey(safe);
  if (Buffer.byteLength(whole) <= MAX_KEY_BYTES) return whole;
  return rejectedKey(`~${createHash('sha256').update(key).digest('hex')}`);
}
