import { open, stat } from 'node:fs/promises';
import { basename, dirname, join, posix } from 'node:path';
import { FabricError, ModelLoadError } from '../errors.ts';
import type { ObjectAddress, ObjectInfo, ObjectStore, StoreOptions } from '../stores/object-store.ts';
import { isS3Uri, parseS3Uri, s3Uri } from '../stores/open-source.ts';
import { stampOf } from './model-digest.ts';

/** Read at once from a file. */
const CHUNK_BYTES = 1024 * 1024;

/** A file or an object as it is now. */
export interface FoundFile {
  /** An absolute path, or `s3://…`. */
  readonly uri: string;
  /** Its path in the model's own folder. */
  readonly name: string;
  /** What tells it from any other content that this URI had or will have. */
  readonly version: string;
  readonly byteLength: number;
  /** The object's ETag and version, where it is one. */
  readonly object?: Pick<ObjectInfo, 'etag' | 'versionId'>;
  /** In hexadecimal, where the store knows it. */
  readonly md5?: string;
}

/** Where the files of models are: on this machine, or in S3. */
export interface ModelReader {
  /** @throws ModelLoadError where it is not there, or this process may not read it; what passes as it is. */
  find(uri: string, name: string, options?: StoreOptions): Promise<FoundFile>;
  /**
   * Its content, in order; a chunk's bytes are gone when the next one is asked for.
   *
   * @throws where it is not that any more, or is cut short: disposition `retry`
   */
  read(file: FoundFile, options?: StoreOptions): AsyncIterable<Uint8Array>;
}

/** The name of the model file itself. */
export function nameOfModel(uri: string): string {
  return isS3Uri(uri) ? posix.basename(uri) : basename(uri);
}

/**
 * The file that holds weights of a model, beside it.
 *
 * @throws ModelLoadError where the model names one outside of its own folder.
 */
export function besideModel(uri: string, location: string): { readonly uri: string; readonly name: string } {
  const name = posix.normalize(location);
  if (posix.isAbsolute(name) || name === '..' || name.startsWith('../')) {
    throw new ModelLoadError(
      `Cannot fetch the model ${uri}: its weights must lie in its own folder, not at ${location}`,
    );
  }
  const object = parseS3Uri(uri);
  if (object === undefined) return { uri: join(dirname(uri), name), name };
  return { uri: s3Uri(object.bucket, posix.join(posix.dirname(object.key), name)), name };
}

/** @param openStore - opens S3 when it is first wanted */
export function modelReader(openStore: () => Promise<ObjectStore>): ModelReader {
  return {
    find: async (uri, name, options) =>
      isS3Uri(uri) ? findObject(await openStore(), { uri, name }, options) : findFile(uri, name),
    read: (file, options) => (isS3Uri(file.uri) ? readObject(openStore, file, options) : readLocal(file, options)),
  };
}

async function findFile(path: string, name: string): Promise<FoundFile> {
  try {
    const stats = await stat(path, { bigint: true });
    return { uri: path, name, version: stampOf(stats), byteLength: Number(stats.size) };
  } catch (error) {
    throw new ModelLoadError(`the model ${path} can't be read: ${(error as Error).message}`, { cause: error });
  }
}

async function* readLocal(file: FoundFile, { signal }: StoreOptions = {}): AsyncGenerator<Uint8Array> {
  await using handle = await open(file.uri, 'r').catch((error: Error) => {
    throw new ModelLoadError(`the model ${file.uri} can't be read: ${error.message}`, { cause: error });
  });
  const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  for (;;) {
    signal?.throwIfAborted();
    const { bytesRead } = await handle.read(buffer, 0, CHUNK_BYTES, null);
    if (bytesRead === 0) break;
    yield buffer.subarray(0, bytesRead);
  }
  // One that is written to while it is read.
  if ((await findFile(file.uri, file.name)).version !== file.version) throw replacedError(file.uri);
}

async function findObject(
  store: ObjectStore,
  { uri, name }: { readonly uri: string; readonly name: string },
  options: StoreOptions = {},
): Promise<FoundFile> {
  const address = addressOf(uri);
  const info = await refused(uri, store.head(address, options));
  if (info === undefined) throw new ModelLoadError(`Cannot fetch the model ${uri}: there is no such object`);
  const { byteLength, md5, etag, versionId } = info;
  const object = { etag, ...(versionId === undefined ? {} : { versionId }) };
  const version = versionId === undefined ? etag : `${etag} ${versionId}`;
  // ETags in a directory bucket look like an MD5 and are none.
  const knowsMd5 = md5 !== undefined && !address.bucket.endsWith('--x-s3');
  return { uri, name, version, byteLength, object, ...(knowsMd5 ? { md5 } : {}) };
}

async function* readObject(
  openStore: () => Promise<ObjectStore>,
  file: FoundFile,
  { signal }: StoreOptions = {},
): AsyncGenerator<Uint8Array> {
  const store = await openStore();
  const { etag = '', versionId } = file.object ?? {};
  const get = (version?: string) => {
    const address = { ...addressOf(file.uri), ...(version === undefined ? {} : { versionId: version }) };
    return refused(file.uri, store.get(address, { ifMatch: etag, isChecked: true, signal }));
  };
  // By its version only where it is not the current one: that takes a permission of its own.
  const object = (await get()) ?? (versionId === undefined ? undefined : await get(versionId));
  if (object === undefined) throw replacedError(file.uri);
  yield* object.chunks;
}

/** The object's address. @throws ModelLoadError where the URI names none */
function addressOf(uri: string): ObjectAddress {
  const address = parseS3Uri(uri);
  if (address !== undefined && !address.key.endsWith('/')) return address;
  throw new ModelLoadError(`Cannot fetch the model as its URI must be s3://<bucket>/<object key>: it is ${uri}`);
}

/** It is not any more what was found. */
export function replacedError(uri: string): FabricError {
  return new FabricError('MODEL_REPLACED', `Cannot fetch the model ${uri}: it was replaced meanwhile`, {
    disposition: 'retry',
  });
}

/** What the store refuses is a model that can't be loaded; what passes stays an error that passes. */
async function refused<T>(uri: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof FabricError) || error.disposition !== 'fatal') throw error;
    throw new ModelLoadError(`Cannot fetch the model ${uri}: ${error.message}`, { cause: error });
  }
}
