import type { ByteRange } from './byte-source.ts';

/** S3's limit on the length of object keys, in UTF-8. */
export const MAX_KEY_BYTES = 1024;

/** Address of an object. Without a `versionId` it is the current version. */
export interface ObjectAddress {
  readonly bucket: string;
  readonly key: string;
  readonly versionId?: string;
}

export interface ObjectInfo {
  /** The ETag without quotes. */
  readonly etag: string;
  /** Length of the whole object, even if a range of it was requested. */
  readonly byteLength: number;
  readonly lastModified: Date;
  readonly versionId?: string;
  /** The MD5 of the whole content in hexadecimal, if the store knows it. */
  readonly md5?: string;
  /** The user's metadata: lower-case names, ASCII values, at most 2 KB in all. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface StoredObject {
  readonly info: ObjectInfo;
  /** The bytes in order. The caller iterates over them: an iteration that ends early closes the connection. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

export interface ListedObject {
  readonly key: string;
  readonly etag: string;
  readonly byteLength: number;
  readonly lastModified: Date;
}

/** Content to write: a text (UTF-8), bytes, or the content of a local file. */
export type ObjectBody = string | Uint8Array | { readonly path: string };

export interface StoreOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface GetOptions extends StoreOptions {
  readonly range?: ByteRange;
  /** Reads only if this is still the object's ETag. */
  readonly ifMatch?: string;
  /**
   * True to compare a whole object's content with the checksum in the store, if there is one: if they differ, the chunks
   * fail at their end (disposition `retry`). @default false
   */
  readonly isChecked?: boolean;
}

export interface PutOptions extends StoreOptions {
  /** Writes only if there is no object (`absent`), or it has this ETag. @default replaces any object */
  readonly only?: 'absent' | { readonly ifMatch: string };
  readonly metadata?: Readonly<Record<string, string>>;
  readonly contentType?: string;
}

/**
 * A store of objects: S3, or a folder with a sub-folder for each bucket. One store reaches all buckets.
 *
 * A missing object is `undefined`. Any other failure is thrown as a FabricError: disposition `retry` if the store is
 * unavailable or slow, `throttle` if it requests a slower pace (both after the adapter's own tries), `fatal` if it
 * refuses.
 */
export interface ObjectStore {
  head(address: ObjectAddress, options?: StoreOptions): Promise<ObjectInfo | undefined>;
  /** Reads an object; undefined if the object or version does not exist, or `ifMatch` is not its ETag. */
  get(address: ObjectAddress, options?: GetOptions): Promise<StoredObject | undefined>;
  /**
   * Writes a whole object in one step: no reader sees a part of it. If several put with `only: 'absent'`, one wins.
   *
   * @returns the object's new ETag; undefined if `only` did not hold, even because of an own try whose answer was lost.
   */
  put(address: ObjectAddress, body: ObjectBody, options?: PutOptions): Promise<{ readonly etag: string } | undefined>;
  /** Copies content, not metadata; false if the object does not exist. */
  copy(from: ObjectAddress, to: ObjectAddress, options?: StoreOptions): Promise<boolean>;
  /** Removes an object. A missing object is not an error. */
  delete(address: ObjectAddress, options?: StoreOptions): Promise<void>;
  /** Lists the objects whose keys start with a prefix, in the order of their keys in UTF-8. */
  list(bucket: string, prefix: string, options?: StoreOptions): AsyncIterable<ListedObject>;
}

/** Reads a small object as text; undefined if it does not exist. */
export async function getText(
  store: ObjectStore,
  address: ObjectAddress,
  options: StoreOptions = {},
): Promise<{ readonly text: string; readonly info: ObjectInfo } | undefined> {
  const object = await store.get(address, options);
  if (object === undefined) return undefined;
  return { text: (await collect(object.chunks)).toString('utf8'), info: object.info };
}

/** Reads a small object, or a range of one; undefined if it does not exist. */
export async function getBytes(
  store: ObjectStore,
  address: ObjectAddress,
  options: GetOptions = {},
): Promise<Uint8Array | undefined> {
  const object = await store.get(address, options);
  return object === undefined ? undefined : collect(object.chunks);
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}
