import { ElementReadError, FabricError } from '../errors.ts';
import type { ByteRange, ByteSource } from './byte-source.ts';
import type { ObjectAddress, ObjectStore, StoreOptions } from './object-store.ts';

/** An object to read, and which one it must be. */
export interface SourceAddress extends ObjectAddress {
  readonly etag?: string;
}

/**
 * Opens an object for reading by range. It is one version of it that is read from open to close.
 *
 * @throws ElementReadError named `SourceGone` where there is no such object or version, or it is another than the ETag
 *   says; also a read throws it, where the object is replaced meanwhile.
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
    // The store is its opener's; a read that is broken off lets its own connection go.
    async [Symbol.asyncDispose]() {},
  };
}

/**
 * The same for an object that is read as a whole: the request that opens it brings its bytes as well. They are to be
 * read, once, or let go by disposing of it.
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
  // Which of the two reasons it is, only another request says.
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
      // Its connection is let go; that it broke meanwhile is no matter.
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
    if (object === undefined) throw sourceGone(address, 'it was replaced or removed meanwhile');
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
      throw sourceGone(address, 'it was replaced or removed meanwhile', error);
    }
    throwOwn(error);
  }
}

/** @throws the error; where it is this object alone that can't be had, one that says so, and its neighbours in a list go on. */
function throwOwn(error: unknown): never {
  if (error instanceof FabricError && error.code === 'STORE_OBJECT_ARCHIVED') {
    throw new ElementReadError('ObjectArchived', error.message, { cause: error });
  }
  throw error;
}

/** The chunk, or a copy of one that shares its memory with others: readers give their chunks' whole memory back. */
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
