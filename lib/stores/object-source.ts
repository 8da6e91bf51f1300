import { ElementReadError, FabricError } from '../errors.ts';
import type { ByteRange, ByteSource } from './byte-source.ts';
import type { ObjectAddress, ObjectStore, StoreOptions } from './object-store.ts';

/** An object to read, and the version that it must be. */
export interface SourceAddress extends ObjectAddress {
  readonly etag?: string;
}

/**
 * Opens an object for reading by range. All reads are of one version.
 *
 * @throws ElementReadError named `SourceGone` if the object or version does not exist, or its ETag is not the given one.
 *   A read also throws it, if the object was replaced since.
 */
export async function openObjectSource(
  store: ObjectStore,
  address: SourceAddress,
  { signal }: StoreOptions = {},
): Promise<ByteSource & AsyncDisposable> {
  const info = await store.head(address, { signal });
  if (info === undefined) throw sourceGone(address, 'there is no such object');
  if (address.etag !== undefined && info.etag !== address.etag) throw sourceGone(address, 'it was replaced');
  return {
    byteLength: info.byteLength,
    read: (range, { signal } = {}) =>
      readRange(store, address, { range: cutAt(range, info.byteLength), ifMatch: info.etag, signal }),
    // The store belongs to the caller, and an interrupted read closes its own connection.
    async [Symbol.asyncDispose]() {},
  };
}

/**
 * Opens an object that is read as a whole: the request that opens it also returns its bytes. The caller reads them, once,
 * or disposes of the source.
 *
 * @throws as {@link openObjectSource}, and ElementReadError named `ObjectArchived`.
 */
export async function openWholeObject(
  store: ObjectStore,
  address: SourceAddress,
  { signal }: StoreOptions = {},
): Promise<ByteSource & AsyncDisposable> {
  const { etag: ifMatch } = address;
  const options = { ...(ifMatch === undefined ? {} : { ifMatch }), signal };
  const object = await store.get(address, options).catch((error: unknown) => throwOwn(error));
  // Only another request can tell which of the two reasons it is.
  if (object === undefined) {
    const isThere = ifMatch !== undefined && (await store.head(address, { signal })) !== undefined;
    throw sourceGone(address, isThere ? 'it was replaced' : 'there is no such object');
  }
  const { byteLength, etag } = object.info;
  let chunks: AsyncIterable<Uint8Array> | undefined = object.chunks;
  return {
    byteLength,
    read(range, { signal } = {}) {
      const opened = chunks;
      if (opened === undefined || range.start > 0 || range.end < byteLength)
        return readRange(store, address, { range: cutAt(range, byteLength), ifMatch: etag, signal });
      chunks = undefined;
      return ownedChunks(address, async () => opened);
    },
    async [Symbol.asyncDispose]() {
      const unread = chunks;
      chunks = undefined;
      // Closes its connection; it does not matter if that broke before.
      if (unread !== undefined) await breakOff(unread).catch(() => {});
    },
  };
}

async function breakOff(chunks: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of chunks) break;
}

function cutAt({ start, end }: ByteRange, byteLength: number): ByteRange {
  return { start, end: Math.min(end, byteLength) };
}

async function* readRange(
  store: ObjectStore,
  address: SourceAddress,
  options: StoreOptions & { readonly range: ByteRange; readonly ifMatch: string },
): AsyncGenerator<Uint8Array> {
  if (options.range.end <= options.range.start) return;
  yield* ownedChunks(address, async () => {
    const object = await store.get(address, options);
    if (object === undefined) throw sourceGone(address, 'it was replaced or removed during the read');
    return object.chunks;
  });
}

async function* ownedChunks(
  address: SourceAddress,
  open: () => Promise<AsyncIterable<Uint8Array>>,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of await open()) yield owned(chunk);
  } catch (error) {
    if (error instanceof FabricError && error.code === 'STORE_OBJECT_CHANGED') {
      throw sourceGone(address, 'it was replaced or removed during the read', error);
    }
    throwOwn(error);
  }
}

/** @throws the error, or an ElementReadError if only this object can't be read, so that others of its list are still read. */
function throwOwn(error: unknown): never {
  if (error instanceof FabricError && error.code === 'STORE_OBJECT_ARCHIVED') {
    throw new ElementReadError('ObjectArchived', error.message, { cause: error });
  }
  throw error;
}

/** Returns the chunk, or a copy if it shares its memory with others: readers free the whole memory of their chunks. */
function owned(chunk: Uint8Array): Uint8Array {
  if (chunk.byteLength === chunk.buffer.byteLength) return chunk;
  const copy = Buffer.allocUnsafeSlow(chunk.byteLength);
  copy.set(chunk);
  return copy;
}

function sourceGone({ bucket, key, versionId }: SourceAddress, why: string, cause?: Error): ElementReadError {
  const version = versionId === undefined ? '' : ` in version ${versionId}`;
  return new ElementReadError('SourceGone', `Cannot read s3://${bucket}/${key}${version}: ${why}`, { cause });
}
