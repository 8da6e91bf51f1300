import { type AwsClientOptions, endpointFromEnvironment } from './aws-client.ts';
import type { ByteSource } from './byte-source.ts';
import { openFileSource } from './file-source.ts';
import { openObjectSource, openWholeObject } from './object-source.ts';
import type { ObjectAddress, ObjectStore, StoreOptions } from './object-store.ts';

/** What is read: the path of a file, or an object by its `s3://` URI and, in a deployed fabric, its version. */
export interface SourceLocation {
  readonly uri: string;
  readonly versionId?: string;
  readonly etag?: string;
}

/**
 * Opens a file or an object of S3 for reading by range.
 *
 * @throws ElementReadError named `SourceGone` where it is not there, or not in this version.
 */
export async function openSource(
  { uri, ...version }: SourceLocation,
  options: StoreOptions = {},
): Promise<ByteSource & AsyncDisposable> {
  const object = parseS3Uri(uri);
  if (object === undefined) return openFileSource(uri);
  return openObjectSource(await sharedS3Store(), { ...object, ...version }, options);
}

/** The same for what is read as a whole, once: of an object, that takes one request and not two. */
export async function openWhole(
  { uri, ...version }: SourceLocation,
  options: StoreOptions = {},
): Promise<ByteSource & AsyncDisposable> {
  const object = parseS3Uri(uri);
  if (object === undefined) return openFileSource(uri);
  return openWholeObject(await sharedS3Store(), { ...object, ...version }, options);
}

/** What of something larger says where it is read from. */
export function locationOf({ uri, versionId, etag }: SourceLocation): SourceLocation {
  return { uri, ...(versionId === undefined ? {} : { versionId }), ...(etag === undefined ? {} : { etag }) };
}

export function isS3Uri(uri: string): boolean {
  return uri.startsWith('s3://');
}

/** The object that an `s3://bucket/key` URI names, its key taken as it stands; undefined for anything else. */
export function parseS3Uri(uri: string): ObjectAddress | undefined {
  const [, bucket, key] = /^s3:\/\/([^/]+)\/(.+)$/s.exec(uri) ?? [];
  return bucket === undefined || key === undefined ? undefined : { bucket, key };
}

/** The URI of an object; the key is not encoded. */
export function s3Uri(bucket: string, key: string): string {
  return `s3://${bucket}/${key}`;
}

const stores = new Map<string, Promise<ObjectStore>>();

/**
 * One S3 client for all that a thread reads: its connections are worth keeping. By endpoint, which the environment of
 * a local run may set anew; and opened at the first object only, as the SDK takes long to load.
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
