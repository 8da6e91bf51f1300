import type { ManifestScope } from '../../config/pipeline.ts';
import { type ErrorDescription, FabricError } from '../../errors.ts';
import type { Bundle, BundleObject } from '../../inference/bundle.ts';
import { getText, type ObjectAddress, type StoreOptions } from '../../stores/object-store.ts';
import { s3Uri } from '../../stores/open-source.ts';
import { type Job, storedBundleOf } from '../job.ts';
import { isWithin, manifestPrefix } from '../manifest-scope.ts';
import type { ListedEntry } from '../sending/object-manifest.ts';
import { objectListKey } from '../output-layout.ts';
import type { OutputBucket } from '../fabric-ports.ts';

/** An object as messages and lists name it. */
export type AddressedObject = ObjectAddress & { readonly etag?: string | undefined };

export interface ReadBundleOptions extends StoreOptions {
  readonly output: OutputBucket;
  /** The buckets that objects may be read from. */
  readonly inputBuckets: readonly string[];
  /** The objects that the pipeline's manifests can name. @default 'own-prefix' */
  readonly manifests?: ManifestScope | undefined;
  /** The objects of a `listed` job's bundle, where no list of them is staged. */
  readonly objects?: readonly AddressedObject[];
}

/** One bundle of a recorded job, by its plan and, where that does not hold them, the list of its objects. */
export async function readStoredBundle(job: Job, index: number, options: ReadBundleOptions): Promise<Bundle> {
  const outputBucket = options.output.bucket;
  if (job.plan.kind !== 'listed') return storedBundleOf(job, index, { outputBucket });
  const entries = await readEntries(job, index, options);
  const within = manifestPrefix(job.pipeline, options.manifests);
  const objects = entries.map((entry) => bundleObject(entry, options.inputBuckets, within));
  return storedBundleOf(job, index, { outputBucket, objects });
}

async function readEntries(
  job: Job,
  index: number,
  { output: { store, bucket }, objects = [], signal }: ReadBundleOptions,
): Promise<readonly (ListedEntry | AddressedObject)[]> {
  const key = objectListKey(job, index);
  const staged = await getText(store, { bucket, key }, { signal });
  // Intake's own list.
  if (staged !== undefined) return JSON.parse(staged.text) as readonly ListedEntry[];
  if (objects.length > 0) return objects;
  throw new FabricError('OBJECT_LIST_GONE', `the list of the bundle's objects, ${s3Uri(bucket, key)}, is gone`);
}

/**
 * An object to read; one that must not be read fails, and is shown as it was named.
 *
 * @param within - start of the keys that can be read. Default: any key.
 */
export function bundleObject(
  entry: ListedEntry | AddressedObject,
  inputBuckets: readonly string[],
  within?: string,
): BundleObject {
  if ('failure' in entry) {
    const uri = typeof entry.entry === 'string' ? entry.entry : JSON.stringify(entry.entry);
    return { uri, failure: entry.failure };
  }
  const { bucket, key, versionId, etag }: AddressedObject = entry;
  const uri = s3Uri(bucket, key);
  if (!inputBuckets.includes(bucket)) return { uri, path: key, failure: notAllowed(bucket) };
  if (!isWithin(key, within)) return { uri, path: key, failure: keyNotAllowed(within) };
  return { uri, path: key, ...(versionId === undefined ? {} : { versionId }), ...(etag === undefined ? {} : { etag }) };
}

function keyNotAllowed(within = ''): ErrorDescription {
  return { name: 'KeyNotAllowed', message: `Cannot read the object: its key does not start with '${within}'` };
}

function notAllowed(bucket: string): ErrorDescription {
  return { name: 'BucketNotAllowed', message: `Cannot read the object: ${bucket} is no input bucket of this fabric` };
}
