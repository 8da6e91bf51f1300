import { type AwsClientOptions, endpointFromEnvironment } from './aws-client.ts';
import type { ByteSource } from './byte-source.ts';
import { openFileSource } from './file-source.ts';
import { openObjectSource, openWholeObject } from './object-source.ts';
import type { ObjectAddress, ObjectStore, StoreOptions } from './object-store.ts';

/** Location of a source: the path of a file, or an object's `s3://` URI and, in a deployed fabric, its version. */
export interface SourceLocation {
  readonly uri: string;
  readonly versionId?: string;
  readonly etag?: string;
}

/**
 * Opens a file or an object of S3 for reading by range.
 *
 * @throws ElementReadError named `SourceGone` if it does not exist, or not in this version.
 */
export async function openSource(
  { uri, ...version }: SourceLocation,
  options: StoreOptions = {},
): Promise<ByteSource & AsyncDisposable> {
  const object = parseS3Uri(uri);
  if (object === undefined) return openFileSource(uri);
  return openObjectSource(await sharedS3Store(), { ...object, ...version }, options);
}

/** Opens a source that is read as a whole, once: for an object, this takes one request instead of two. */
export async function openWhole(
  { uri, ...version }: SourceLocation,
  options: StoreOptions = {},
): Promise<ByteSource & AsyncDisposable> {
  const object = parseS3Uri(uri);
  if (object === undefined) return openFileSource(uri);
  return openWholeObject(await sharedS3Store(), { ...object, ...version }, options);
}

/** Returns only the location from a larger value. */
export function locationOf({ uri, versionId, etag }: SourceLocation): SourceLocation {
  return { uri, ...(versionId === undefined ? {} : { versionId }), ...(etag === undefined ? {} : { etag }) };
}

export function isS3Uri(uri: string): boolean {
  return uri.startsWith('s3://');
}

/** Parses an `s3://bucket/key` URI, whose key is not encoded; undefined for any other text. */
export function parseS3Uri(uri: string): ObjectAddress | undefined {
  const [, bucket, key] = /^s3:\/\/([^/]+)\/(.+)$/s.exec(uri) ?? [];
  return bucket === undefined || key === undefined ? undefined : { bucket, key };
}

/** Returns the URI of an object; the key is not encoded. */
export function s3Uri(bucket: string, key: string): string {
  return `s3://${bucket}/${key}`;
}

const stores = new Map<string, Promise<ObjectStore>>();

/**
 * Returns the S3 store that all reads of a thread share, to keep its connections. There is one for each endpoint, because
 * a local run can change the endpoint in its environment. The SDK loads slowly, so it is opened with the first object.
 */
export async function sharedS3Store(options: Pick<AwsClientOptions, 'patienceMillis'> = {}): Promise<ObjectStore> {
  const name = `${options.patienceMillis} ${endpointFromEnvironment('S3')}`;
  let store = stores.get(name);
  if (store === undefined) {
    store = import('./s3-object-store.ts').then(({ openS3ObjectStore }) => openS3ObjectStore(options));
    stores.set(name, store);
  }
  return store;
}
