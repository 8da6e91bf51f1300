import { stat } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { bundleRange } from '../../formats/plan.ts';
import type { Job } from '../job.ts';

/** Whether what a bundle holds is staged at the path, and as long as it must be: a machine may have gone down meanwhile. */
export async function isChunkThere({ plan }: Job, bundle: number, path: string): Promise<boolean> {
  const size = await stat(path).then(
    (found) => found.size,
    () => undefined,
  );
  // Of one that was decompressed, the end of an element that is too large is left out.
  if (size === undefined || plan.kind !== 'object' || plan.object.kind !== 'grouped') return size !== undefined;
  const { start, end } = bundleRange(plan.object, bundle);
  return size === end - start;
}

/** Whether the chunks of one plan are those of the other. */
export function haveSameChunks({ plan: one }: Job, { plan: other }: Job): boolean {
  if (one.kind !== 'object' || other.kind !== 'object' || !one.chunked) return true;
  return other.chunked && isDeepStrictEqual(one.object, other.object);
}
