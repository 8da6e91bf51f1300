import { createHash } from 'node:crypto';
import type { FabricPorts } from '../fabric-ports.ts';
import { rejectedKey } from '../output-layout.ts';

export interface RejectedObject {
  readonly bucket: string;
  readonly key: string;
  readonly versionId?: string | undefined;
}

/** S3's limit on object keys, which the key of an explanation keeps, whatever the object is called. */
const MAX_KEY_BYTES = 1024;
/** They are no part of a name anywhere; the explanation has the key as it is. */
// oxlint-disable-next-line no-control-regex
const UNSAFE_CHARACTER = /[\u0000-\u001f\u007f\ufffe\uffff]|\p{Surrogate}/gu;

/** Explains in the output bucket why an object makes no job. */
export async function rejectObject(
  object: RejectedObject,
  reason: string,
  pipeline: string,
  { output, telemetry, now }: FabricPorts,
): Promise<void> {
  const { bucket, key, versionId } = object;
  const version = versionId === undefined ? {} : { versionId };
  const explanation = { key, ...version, reason, at: new Date(now()).toISOString() };
  const address = { bucket: output.bucket, key: explanationKey(key) };
  await output.store.put(address, `${JSON.stringify(explanation)}\n`, { contentType: 'application/json' });
  telemetry.count('objects_rejected', 1, pipeline);
  telemetry.warn('object rejected', { bucket, key, ...version, reason });
}

function explanationKey(key: string): string {
  const safe = key.replaceAll(UNSAFE_CHARACTER, (character) => `%${character.charCodeAt(0).toString(16)}`);
  const whole = rejectedKey(safe);
  if (Buffer.byteLength(whole) <= MAX_KEY_BYTES) return whole;
  return rejectedKey(`~${createHash('sha256').update(key).digest('hex')}`);
}
