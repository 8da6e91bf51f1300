import type { ByteRange } from './byte-source.ts';

/** S3's limit on the length of object keys, in UTF-8. */
export const MAX_KEY_BYTES = 1024;

/** Where an object is. Without a `versionId` it is what its key holds now. */
export interface ObjectAddress {
  readonly bucket: string;
  readonly key: string;
  readonly versionId?: string;
}

export interface ObjectInfo {
  /** Without quotes. */
  readonly etag: string;
  /** Of the whole object, also where a range of it was asked for. */
  readonly byteLength: number;
  readonly lastModified: Date;
  readonly versionId?: string;
  /** The MD5 of the whole content in hexadecimal, where the store knows it. */
  readonly md5?: string;
  /** The user's own metadata: lower-case names, ASCII values, at most 2 KB in all. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface StoredObject {
  readonly info: ObjectInfo;
  /** The bytes in order. To be read to the end, or broken off: an iteration that ends early lets the connection go. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

export interface ListedObject {
  readonly key: string;
  readonly etag: string;
  readonly byteLength: number;
  readonly lastModified: Date;
}

/** What is written: a text (UTF-8), bytes, or the content of a local file. */
export type ObjectBody = string | Uint8Array | { readonly path: string };

export interface StoreOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface GetOptions extends StoreOptions {
  readonly range?: ByteRange;
  /** Only if this is still the object's ETag. */
  readonly ifMatch?: string;
  /**
   * Whether a whole object's content is held against the checksum that the store keeps of it, where it keeps one: at its
   * end the chunks fail (disposition `retry`) if it is another. @default false
   */
  readonly isChecked?: boolean;
}

export interface PutOptions extends StoreOptions {
  /** Only if there is no object (`absent`), or it is the one with this ETag. @default whatever is there is replaced */
  readonly only?: 'absent' | { readonly ifMatch: string };
  readonly metadata?: Readonly<Record<string, string>>;
  readonly contentType?: string;
}

/**
 * Where objects are kept: S3, or a folder with a sub-folder for each bucket. One store reaches all buckets.
 *
 * What is not there is `undefined`; anything else that goes wrong is thrown as a FabricError: disposition `retry` where
 * the store is unavailable or slow, `throttle` where it asks for a slower pace (both after the adapter's own tries),
 * `fatal` where it refuses.
 */
export interface ObjectStore {
  head(address: ObjectAddress, options?: StoreOptions): Promise<ObjectInfo | undefined>;
  /** Undefined where there is no such object or version, or `ifMatch` names another. */
  get(address: ObjectAddress, options?: GetOptions): Promise<StoredObject | undefined>;
  /**
   * Writes a whole object in one step: nobody ever sees a part of it. Of several that put `only: 'absent'` at once, one wins.
   *
   * @returns the object's new ETag; undefined where `only` did not hold, also of its own try whose answer was lost.
   */
  put(address: ObjectAddress, body: ObjectBody, options?: PutOptions): Promise<{ readonly etag: string } | undefined>;
  /** Copies content, not metadata; false where there is no such object. */
  copy(from: ObjectAddress, to: ObjectAddress, options?: StoreOptions): Promise<boolean>;
  /** Removes an object; one that is not there is fine. */
  delete(address: ObjectAddress, options?: StoreOptions): Promise<void>;
  /** The objects whose keys start with a prefix, in the order of their keys as UTF-8. */
  list(bucket: string, prefix: string, options?: StoreOptions): AsyncIterable<ListedObject>;
}

/** A small object as text; undefined where it is not there. */
export async function getText(
  store: ObjectStore,
  address: ObjectAddress,
  options: StoreOptions = {},
): Promise<{ readonly text: string; readonly info: ObjectInfo } | undefined> {
  const object = await store.get(address, options);
  if (object === undefined) return undefined;
  return { text: (await collect(object.chunks)).toString('utf8'), info: object.info };
}

/** Reads a small object, or a range of one; undefined if there is no such object. */
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
