import type { FabricPorts } from '../fabric-ports.ts';
import { getText } from '../../stores/object-store.ts';
import { headOf } from '../output-layout.ts';
import { explanation, explanationKey } from '../rejections.ts';

export interface RejectedObject {
  readonly bucket: string;
  readonly key: string;
  readonly versionId?: string | undefined;
}

/** Explains in the output bucket why an object makes no job. */
export async function rejectObject(
  object: RejectedObject,
  { reason, pipeline }: { readonly reason: string; readonly pipeline: string },
  { output, telemetry, now }: FabricPorts,
): Promise<void> {
  const { bucket, key, versionId } = object;
  const text = explanation(object, reason, now());
  if (!(await explain(explanationKey(key), text, output)))
    telemetry.warn('the place of an explanation holds an object that the fabric did not write', { key });
  telemetry.count('objects_rejected', 1, pipeline);
  const version = versionId === undefined ? {} : { versionId };
  telemetry.warn('object rejected', { bucket, key, ...version, reason });
}

/** Puts an explanation, or replaces an earlier one of the same object. @returns whether it was written */
async function explain(key: string, text: string, { store, bucket }: FabricPorts['output']): Promise<boolean> {
  const address = { bucket, key };
  const contentType = 'application/json';
  if ((await store.put(address, text, { only: 'absent', contentType })) !== undefined) return true;
  const there = await getText(store, address);
  if (there !== undefined && !there.text.startsWith(headOf(text) ?? text)) return false;
  await store.put(address, text, { contentType });
  return true;
}
