import { open, stat } from 'node:fs/promises';
import { basename, dirname, join, posix } from 'node:path';
import { FabricError, ModelLoadError } from '../errors.ts';
import type { ObjectAddress, ObjectInfo, ObjectStore, StoreOptions } from '../stores/object-store.ts';
import { isS3Uri, parseS3Uri, s3Uri } from '../stores/open-source.ts';
import { byCodeUnits, isFolder, MAX_FOLDER_FILES, namesInFolder } from './folder-files.ts';
import { stampOf } from './model-digest.ts';

/** Bytes of one read from a file. */
const CHUNK_BYTES = 1024 * 1024;

/** A file or an object, with its version. */
export interface FoundFile {
  /** An absolute path, or `s3://…`. */
  readonly uri: string;
  /** Path in the model's folder. */
  readonly name: string;
  /** Identifies the content: other content at this URI has another version. */
  readonly version: string;
  readonly byteLength: number;
  /** ETag and version of an object. */
  readonly object?: Pick<ObjectInfo, 'etag' | 'versionId'>;
  /** In hexadecimal, if the store has it. */
  readonly md5?: string;
}

/** Finds and reads the files of models, on this machine or in S3. */
export interface ModelReader {
  /** @throws ModelLoadError if it does not exist, or this process has no permission; transient errors as they are. */
  find(uri: string, name: string, options?: StoreOptions): Promise<FoundFile>;
  /**
   * Returns all files of a model folder in the order of their names; undefined if the URI is of a file.
   *
   * @throws ModelLoadError if it has no files, too many, or a name that can't be a path on this machine
   */
  list(uri: string, options?: StoreOptions): Promise<readonly FoundFile[] | undefined>;
  /**
   * Reads the content, in order. The next chunk overwrites the bytes of a chunk.
   *
   * @throws if the content was replaced or is cut short: disposition `retry`
   */
  read(file: FoundFile, options?: StoreOptions): AsyncIterable<Uint8Array>;
}

/** The name of the model file itself. */
export function nameOfModel(uri: string): string {
  return isS3Uri(uri) ? posix.basename(uri) : basename(uri);
}

/**
 * Returns a file with weights of a model, in the model's folder.
 *
 * @throws ModelLoadError if the model names a file outside its folder.
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

/** @param openStore - opens S3 when it is first needed */
export function modelReader(openStore: () => Promise<ObjectStore>): ModelReader {
  return {
    find: async (uri, name, options) =>
      isS3Uri(uri) ? findObject(await openStore(), { uri, name }, options) : findFile(uri, name),
    list: async (uri, options) => {
      if (!isS3Uri(uri)) return listLocal(uri);
      return uri.endsWith('/') ? listObjects(await openStore(), uri, options) : undefined;
    },
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

async function listLocal(path: string): Promise<readonly FoundFile[] | undefined> {
  if (!(await isFolder(path).catch(() => false))) return undefined;
  const names = await namesInFolder(path);
  checkCount(path, names.length);
  return Promise.all(names.map((name) => findFile(join(path, name), name)));
}

async function listObjects(store: ObjectStore, uri: string, options?: StoreOptions): Promise<readonly FoundFile[]> {
  const folder = parseS3Uri(uri);
  if (folder === undefined) {
    throw new ModelLoadError(`Cannot fetch the model as a folder's URI must be s3://<bucket>/<prefix>/: it is ${uri}`);
  }
  const files = await refused(uri, collectObjects(store, { uri, ...folder }, options));
  checkCount(uri, files.length);
  return files.toSorted((one, other) => byCodeUnits(one.name, other.name));
}

async function collectObjects(
  store: ObjectStore,
  { uri, bucket, key: prefix }: ObjectAddress & { readonly uri: string },
  options?: StoreOptions,
): Promise<readonly FoundFile[]> {
  const files: FoundFile[] = [];
  for await (const { key, etag, byteLength } of store.list(bucket, prefix, options)) {
    // The S3 console creates an empty object for each folder.
    if (key.endsWith('/')) continue;
    const name = key.slice(prefix.length);
    if (name.split('/').some((segment) => segment === '' || segment === '.' || segment === '..')) {
      throw new ModelLoadError(`Cannot fetch the model ${uri}: the object key ${key} can't be a path in a folder`);
    }
    files.push({ uri: s3Uri(bucket, key), name, version: etag, byteLength, object: { etag } });
    if (files.length > MAX_FOLDER_FILES) break;
  }
  return files;
}

/** @throws ModelLoadError if no model folder has this number of files */
function checkCount(uri: string, count: number): void {
  if (count === 0) throw new ModelLoadError(`Cannot fetch the model ${uri}: there are no files in this folder`);
  if (count <= MAX_FOLDER_FILES) return;
  throw new ModelLoadError(`Cannot fetch the model ${uri}: a model folder has at most ${MAX_FOLDER_FILES} files`);
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
  // The file was written to while it was read.
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
  // ETags in a directory bucket look like an MD5 but are not.
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
  // Reading by version needs a separate permission, so only an object that is not current is read by it.
  const object = (await get()) ?? (versionId === undefined ? undefined : await get(versionId));
  if (object === undefined) throw replacedError(file.uri);
  yield* object.chunks;
}

/** Returns the object's address. @throws ModelLoadError if the URI is not of an object */
function addressOf(uri: string): ObjectAddress {
  const address = parseS3Uri(uri);
  if (address !== undefined && !address.key.endsWith('/')) return address;
  throw new ModelLoadError(`Cannot fetch the model as its URI must be s3://<bucket>/<object key>: it is ${uri}`);
}

/** Returns the error for a file whose content is no longer the one that was found. */
export function replacedError(uri: string): FabricError {
  return new FabricError('MODEL_REPLACED', `Cannot fetch the model ${uri}: it was replaced meanwhile`, {
    disposition: 'retry',
  });
}

/** Turns a store's permanent error into a ModelLoadError; transient errors stay as they are. */
async function refused<T>(uri: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof FabricError) || error.disposition !== 'fatal') throw error;
    throw new ModelLoadError(`Cannot fetch the model ${uri}: ${error.message}`, { cause: error });
  }
}
