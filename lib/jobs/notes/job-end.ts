import { getText, type StoreOptions } from '../../stores/object-store.ts';
import type { OutputBucket } from '../fabric-ports.ts';
import type { Manifest } from '../manifest.ts';
import { manifestKey, type ResultsFolder, successKey } from '../output-layout.ts';

/** The manifest of a job that has ended; undefined for one that has not: `_SUCCESS` comes after a complete one's. */
export async function readEnd(
  results: ResultsFolder,
  { store, bucket }: OutputBucket,
  options: StoreOptions = {},
): Promise<Manifest | undefined> {
  const text = (await getText(store, { bucket, key: manifestKey(results) }, options))?.text;
  if (text === undefined) return undefined;
  // The fabric wrote it.
  const manifest = JSON.parse(text) as Manifest;
  if (manifest.status !== 'complete') return manifest;
  const success = await store.head({ bucket, key: successKey(results.folder) }, options);
  return success === undefined ? undefined : manifest;
}
