import { createHash } from 'node:crypto';
import type { FabricPorts } from '../fabric-ports.ts';
import { getText } from '../../stores/object-store.ts';
import { headOf, rejectedKey } from '../output-layout.ts';

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
  const text = `${JSON.stringify(explanation)}\n`;
  if (!(await explain(explanationKey(key), text, output)))
    telemetry.warn('the place of an explanation holds an object that the fabric did not write', { key });
  telemetry.count('objects_rejected', 1, pipeline);
  telemetry.warn('object rejected', { bucket, key, ...version, reason });
}

/** Puts an explanation, also in the place of an earlier one of the same object. @returns whether it did */
async function explain(key: string, text: string, { store, bucket }: FabricPorts['output']): Promise<boolean> {
  const address = { bucket, key };
  const contentType = 'application/json';
  if ((await store.put(address, text, { only: 'absent', contentType })) !== undefined) return true;
  const there = await getText(store, address);
  if (there !== undefined && !there.text.startsWith(headOf(text) ?? text)) return false;
  await store.put(address, text, { contentType });
  return true;
}

function explanationKey(key: string): string {
  const safe = key.replaceAll(UNSAFE_CHARACTER, (character) => `%${character.charCodeAt(0).toString(16)}`);
  const whole = rejectedKey(safe);
  if (Buffer.byteLength(whole) <= MAX_KEY_BYTES) return whole;
  return rejectedKey(`~${createHash('sha256').update(key).digest('hex')}`);
}
