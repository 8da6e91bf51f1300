import { stat } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { bundleRange } from '../../formats/plan.ts';
import type { Job } from '../job.ts';

/** Returns whether a bundle's bytes are staged at the path in full: the machine can have failed while they were written. */
export async function isChunkThere({ plan }: Job, bundle: number, path: string): Promise<boolean> {
  const size = await stat(path).then(
    (found) => found.size,
    () => undefined,
  );
  // The chunk of a decompressed object lacks the end of an element that is too large.
  if (size === undefined || plan.kind !== 'object' || plan.object.kind !== 'grouped') return size !== undefined;
  const { start, end } = bundleRange(plan.object, bundle);
  return size === end - start;
}

/** Returns whether two plans have the same chunks. */
export function haveSameChunks({ plan: one }: Job, { plan: other }: Job): boolean {
  if (one.kind !== 'object' || other.kind !== 'object' || !one.chunked) return true;
  return other.chunked && isDeepStrictEqual(one.object, other.object);
}
