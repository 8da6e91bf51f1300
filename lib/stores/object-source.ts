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

function cutAt({ start, end }: ByteRange, byteLength: number): ByteRange {
  return { start, end: Math.min(end, byteLength) };
}

async function* readRange(
  store: ObjectStore,
  address: SourceAddress,
  options: StoreOptions & { readonly range: ByteRange; readonly ifMatch: string },
): AsyncGenerator<Uint8Array> {
  if (options.range.end <= options.range.start) return;
  try {
    const object = await store.get(address, options);
    if (object === undefined) throw sourceGone(address, 'it was replaced or removed meanwhile');
    for await (const chunk of object.chunks) yield owned(chunk);
  } catch (error) {
    if (error instanceof FabricError && error.code === 'STORE_OBJECT_CHANGED') {
      throw sourceGone(address, 'it was replaced or removed meanwhile', error);
    }
    // It is this object alone that can't be had: its neighbours in a list go on.
    if (error instanceof FabricError && error.code === 'STORE_OBJECT_ARCHIVED') {
      throw new ElementReadError('ObjectArchived', error.message, { cause: error });
    }
    throw error;
  }
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
