import { randomUUID } from 'node:crypto';
import type { BundleSummary } from '../../inference/bundle.ts';
import { LINES_SUFFIX } from '../../formats/parts/json-lines.ts';
import { getText } from '../../stores/object-store.ts';
import type { OutcomeSpool } from '../commit/outcome-spool.ts';
import type { PartPlace } from '../output-layout.ts';
import type { OutputAccess, OutputBucket } from '../fabric-ports.ts';

/**
 * The outcomes of a bundle's first elements, staged by an attempt that its deadline ended: at `<staging>.partial.json`.
 *
 * Attempts may overtake each other, and an older one's may replace a newer one's. That does no harm: each is a prefix of
 * the bundle's outcomes, it names objects that are its attempt's own, and the next attempt goes on from exactly what it
 * holds. At worst some elements are asked again; what is committed is one attempt's prefix and what that attempt added.
 */
export interface PartialOutcomes extends Pick<
  BundleSummary,
  'failedByStage' | 'models' | 'providers' | 'usage' | 'measures' | 'elapsedMillis'
> {
  readonly elements: number;
  readonly succeeded: number;
  /** Object keys of the lines so far. */
  readonly results: string;
  readonly errors: string;
}

function partialKey({ staging }: PartPlace): string {
  return `${staging}.partial.json`;
}

/** Outcomes of an attempt so far, and the time that they took. */
export interface PartialRun {
  readonly spool: OutcomeSpool;
  readonly elapsedMillis: () => number;
}

/** Stages the outcomes of an attempt. */
export async function stagePartial(
  place: PartPlace,
  { spool, elapsedMillis }: PartialRun,
  { store, bucket }: OutputBucket,
): Promise<void> {
  await spool.close();
  const staging = `${place.staging}.${randomUUID()}.partial`;
  const { total, failed: _, ...counted } = spool.tally;
  const results = `${staging}-results${LINES_SUFFIX}`;
  const errors = `${staging}-errors${LINES_SUFFIX}`;
  const partial: PartialOutcomes = { elements: total, ...counted, elapsedMillis: elapsedMillis(), results, errors };
  await Promise.all([
    store.put({ bucket, key: results }, { path: spool.results.path }),
    store.put({ bucket, key: errors }, { path: spool.errors.path }),
  ]);
  await store.put({ bucket, key: partialKey(place) }, JSON.stringify(partial));
}

/** Begins a spool with the outcomes that an earlier attempt staged; undefined if it staged none, or they are gone. */
export async function resumePartial(
  place: PartPlace,
  spool: OutcomeSpool,
  { store, bucket, signal }: OutputAccess,
): Promise<PartialOutcomes | undefined> {
  const text = await getText(store, { bucket, key: partialKey(place) }, { signal });
  if (text === undefined) return undefined;
  // An attempt's own note.
  const partial = JSON.parse(text.text) as PartialOutcomes;
  const errors = await store.get({ bucket, key: partial.errors }, { signal });
  if (errors === undefined) return undefined;
  const results = await store.get({ bucket, key: partial.results }, { signal });
  if (results === undefined) {
    for await (const _ of errors.chunks) break;
    return undefined;
  }
  await spool.begin({ ...partial, total: partial.elements }, { results: results.chunks, errors: errors.chunks });
  return partial;
}
