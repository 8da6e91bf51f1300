import { randomUUID } from 'node:crypto';
import {
  copyFile,
  type FileHandle,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FabricError } from '../errors.ts';
import { commitFile, writeAtomically } from './atomic-file.ts';
import { lockFolder } from './folder-lock.ts';
import { compareKeys } from './compare-object-keys.ts';
import { isMissing } from './system-errors.ts';
import type {
  GetOptions,
  ListedObject,
  ObjectAddress,
  ObjectBody,
  ObjectInfo,
  ObjectStore,
  PutOptions,
  StoredObject,
  StoreOptions,
} from './object-store.ts';
import { Serial } from './serial.ts';

/** Bytes of a read; see `CHUNK_BYTES` of file sources. */
const CHUNK_BYTES = 256 * 1024;

/**
 * Opens a folder as an object store: `<root>/<bucket>/<key>` holds an object's content. A bucket is created with its
 * first object; there are no versions.
 *
 * An ETag identifies the file (its inode, size and time), which a put knows before it gives the file its name. So the
 * metadata is written first, into a file named after the ETag below `<root>/.metadata`, and readers always see both. If
 * several processes put with `only: 'absent'`, one wins by a link. Those that replace with `ifMatch` take a lock; if it
 * is taken, the put fails (disposition `retry`).
 *
 * A key cannot be a prefix folder of another key, and a segment of a key has at most 255 bytes.
 */
export function openFileObjectStore(root: string): ObjectStore {
  return new FileObjectStore(root);
}

type FileStats = Pick<ObjectInfo, 'etag' | 'byteLength' | 'lastModified'>;

class FileObjectStore implements ObjectStore {
  readonly #root: string;
  /** Writes to one key run one after the other. */
  readonly #writes = new Serial();

  constructor(root: string) {
    this.#root = root;
  }

  async head(address: ObjectAddress): Promise<ObjectInfo | undefined> {
    const path = this.#pathOf(address);
    if (address.versionId !== undefined) return undefined;
    for (;;) {
      const stats = await statsOf(path);
      const info = stats && (await this.#infoOf(address, stats));
      if (info !== 'replaced') return info;
    }
  }

  async get(address: ObjectAddress, options: GetOptions = {}): Promise<StoredObject | undefined> {
    const path = this.#pathOf(address);
    if (address.versionId !== undefined) return undefined;
    for (;;) {
      options.signal?.throwIfAborted();
      const file = await unlessMissing(open(path, 'r'));
      if (file === undefined) return undefined;
      const info = await this.#infoOfOpen(address, file);
      if (info !== 'replaced') return contentOf(file, info, options);
      await file.close();
    }
  }

  async put(
    address: ObjectAddress,
    body: ObjectBody,
    { only, metadata, signal }: PutOptions = {},
  ): Promise<{ readonly etag: string } | undefined> {
    signal?.throwIfAborted();
    const path = this.#pathOf(address);
    const temporary = join(this.#root, '.temporary', randomUUID());
    try {
      await mkdir(dirname(temporary), { recursive: true });
      await (isFile(body) ? copyFile(body.path, temporary) : writeFile(temporary, body));
      const etag = (await statsOf(temporary))?.etag ?? '';
      if (metadata) await writeAtomically(this.#metadataPath(address, etag), JSON.stringify(metadata));
      const written = await this.#writes.run(path, () => this.#commit(address, temporary, only));
      if (!written) await rm(this.#metadataPath(address, etag), { force: true });
      return written ? { etag } : undefined;
    } catch (error) {
      throw refusal(error, `write ${path}`);
    } finally {
      await rm(temporary, { force: true });
    }
  }

  async copy(from: ObjectAddress, to: ObjectAddress, { signal }: StoreOptions = {}): Promise<boolean> {
    if ((await this.head(from)) === undefined) return false;
    await this.put(to, { path: this.#pathOf(from) }, { signal });
    return true;
  }

  async delete(address: ObjectAddress): Promise<void> {
    const path = this.#pathOf(address);
    if (address.versionId !== undefined) return;
    await this.#writes.run(path, async () => {
      const stats = await statsOf(path);
      if (stats === undefined) return;
      await rm(path, { force: true });
      await rm(this.#metadataPath(address, stats.etag), { force: true });
    });
  }

  async *list(bucket: string, prefix: string, { signal }: StoreOptions = {}): AsyncIterable<ListedObject> {
    const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    if (folder !== '' && !isSafe(folder.slice(0, -1))) return;
    const root = this.#pathOf({ bucket, key: `${folder}any` });
    const found = (await unlessMissing(readdir(dirname(root), { recursive: true }))) ?? [];
    const keys = found.map((path) => folder + path).filter((key) => key.startsWith(prefix));
    for (const key of keys.sort(compareKeys)) {
      signal?.throwIfAborted();
      const stats = await statsOf(this.#pathOf({ bucket, key }));
      if (stats) yield { key, ...stats };
    }
  }

  /** Gives the temporary file its name if the condition holds. */
  async #commit(address: ObjectAddress, temporary: string, only: PutOptions['only']): Promise<boolean> {
    const path = this.#pathOf(address);
    if (only === 'absent') return commitFile(temporary, path);
    await using _lock = only && (await lockFolder(this.#metadataPath(address, 'lock')));
    const former = await statsOf(path);
    if (only && former?.etag !== only.ifMatch) return false;
    await mkdir(dirname(path), { recursive: true });
    await rename(temporary, path);
    if (former) await rm(this.#metadataPath(address, former.etag), { force: true });
    return true;
  }

  async #infoOfOpen(address: ObjectAddress, file: FileHandle): Promise<ObjectInfo | 'replaced' | undefined> {
    try {
      const stats = await statsOf(file);
      return stats && (await this.#infoOf(address, stats));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Adds the metadata; returns `replaced` if it was removed together with its file. */
  async #infoOf(address: ObjectAddress, stats: FileStats): Promise<ObjectInfo | 'replaced'> {
    const text = await unlessMissing(readFile(this.#metadataPath(address, stats.etag), 'utf8'));
    if (text !== undefined) return { ...stats, metadata: JSON.parse(text) as Record<string, string> };
    const now = await statsOf(this.#pathOf(address));
    return now?.etag === stats.etag ? { ...stats, metadata: {} } : 'replaced';
  }

  #metadataPath({ bucket, key }: ObjectAddress, etag: string): string {
    return join(this.#root, '.metadata', bucket, `${key}.${etag}.json`);
  }

  #pathOf({ bucket, key }: ObjectAddress): string {
    const isBucket = isSafe(bucket) && !bucket.includes('/') && !bucket.startsWith('.');
    if (isBucket && isSafe(key)) return join(this.#root, bucket, key);
    throw new RangeError(
      `Cannot keep an object in a folder as 'key' must have no '.', '..' or empty segment: current value is ${bucket}/${key}`,
    );
  }
}

/** Returns the requested part of a file, which is closed when that was read. */
async function contentOf(
  file: FileHandle,
  info: ObjectInfo | undefined,
  { range, ifMatch, signal }: GetOptions,
): Promise<StoredObject | undefined> {
  const start = range?.start ?? 0;
  const end = Math.min(range?.end ?? Infinity, info?.byteLength ?? 0);
  const isAsked = info !== undefined && (ifMatch === undefined || ifMatch === info.etag);
  if (isAsked && start < end) {
    return { info, chunks: file.createReadStream({ start, end: end - 1, highWaterMark: CHUNK_BYTES, signal }) };
  }
  await file.close();
  return isAsked ? { info, chunks: nothing() } : undefined;
}

function isSafe(path: string): boolean {
  return path.split('/').every((segment) => !['', '.', '..'].includes(segment)) && !path.includes('\0');
}

function isFile(body: ObjectBody): body is { readonly path: string } {
  return typeof body === 'object' && 'path' in body;
}

/** Returns the facts of a file as an object; undefined if it does not exist. */
async function statsOf(file: string | FileHandle): Promise<FileStats | undefined> {
  const found = await unlessMissing(
    typeof file === 'string' ? stat(file, { bigint: true }) : file.stat({ bigint: true }),
  );
  if (!found?.isFile()) return undefined;
  const etag = [found.ino, found.size, found.mtimeNs].map((number) => number.toString(36)).join('-');
  return { etag, byteLength: Number(found.size), lastModified: found.mtime };
}

async function unlessMissing<Found>(looking: Promise<Found>): Promise<Found | undefined> {
  try {
    return await looking;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw refusal(error, 'read a file');
  }
}

function refusal(error: unknown, action: string): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === undefined || error instanceof FabricError) return error;
  const disposition = ['EMFILE', 'ENFILE', 'EBUSY', 'EAGAIN'].includes(code) ? 'retry' : 'fatal';
  const name = disposition === 'retry' ? 'STORE_UNAVAILABLE' : 'STORE_REFUSED';
  return new FabricError(name, `Cannot ${action}: ${message}`, { cause: error, disposition });
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
