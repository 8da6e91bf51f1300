import { createHash } from 'node:crypto';
import { ModelLoadError } from '../errors.ts';
import type { ObjectStore, StoreOptions } from '../stores/object-store.ts';
import { isS3Uri, sharedS3Store } from '../stores/open-source.ts';
import { codeOf } from '../stores/system-errors.ts';
import { LocationScanner } from './external-data.ts';
import { type FileSelection, folderDigest } from './folder-files.ts';
import { type CacheEntry, diskAdvice, ModelCache, type ModelCacheOptions } from './model-cache.ts';
import { readModelContent } from './model-digest.ts';
import {
  besideModel,
  type FoundFile,
  type ModelReader,
  modelReader,
  nameOfModel,
  replacedError,
} from './model-reader.ts';
import { readPointer } from './model-pointer.ts';
import { isPointer } from './pointer-uri.ts';
import { saveFile } from './save-file.ts';
import { SharedHold } from './shared-hold.ts';

/** Tries to fetch a model that arrives corrupt, or is replaced meanwhile. */
const MAX_TRIES = 3;
/** Maximum bytes of a model in S3 that is read to find separate files with its weights: larger ones contain their weights. */
const MAX_GRAPH_BYTES = 8 * 1024 * 1024;
/** Codes of errors after which the content that arrived is not the content in the store. */
const SPOILED: ReadonlySet<string> = new Set(['MODEL_CORRUPT', 'MODEL_CUT_SHORT', 'STORE_CONTENT_CORRUPT']);
/** Digits of a version's id: it is the name of a folder in the cache. */
const ID_DIGITS = 40;
/** Maximum number of versions to remember. */
const MAX_REMEMBERED = 1000;

/** A model as it is at one time: a folder of files, or its file and those that hold its weights. */
export interface ModelVersion {
  /** Identifies the versions of all files. */
  readonly id: string;
  /** Files of the folder, or the model file and then those with its weights, which are known once it has been read. */
  readonly files: readonly FoundFile[];
  /** URI of the folder whose files these are. @default the model is a file */
  readonly folder?: string;
  /** Selected the files of the folder. @default all files are the model's */
  readonly select?: FileSelection;
}

/** A model on this machine's disk, which stays there until it is released. */
export interface HeldModel {
  readonly path: string;
  /** SHA-256 in hexadecimal; undefined if the model is used in place. */
  readonly digest?: string;
  /** Undefined if the model is used in place. */
  readonly version?: ModelVersion;
  release(): Promise<void>;
}

export interface ModelStoreOptions extends ModelCacheOptions {
  /** @default S3, as the SDK's own settings say */
  readonly objects?: ObjectStore;
}

export interface LookOptions extends StoreOptions {
  /** Selects the files of a folder that are the model's. @default all of them */
  readonly select?: FileSelection;
  /** Also looks for separate files with weights, for which the model must be read. @default false */
  readonly weights?: boolean;
}

export interface AcquireOptions extends LookOptions {
  /** Uses a file of this machine in place, without a copy. @default false */
  readonly inPlace?: boolean;
}

/**
 * Fetches models to local disk: from S3, or from files that may be overwritten. Each version is fetched once for all
 * that ask for it, and cached for all processes of this machine (see {@link ModelCache}).
 *
 * Each download is checked: its size, S3's checksum if there is one, and the ETag if it is the MD5. The cache keeps the
 * SHA-256, and a process computes it again when it first uses a version: a corrupt one is fetched again.
 *
 * A URI is an absolute path or `s3://<bucket>/<key>`, of a model file, a folder of files (in S3 it ends with `/`), or a
 * pointer to one of these.
 */
export class ModelStore {
  readonly #files: ModelReader;
  readonly #cache: ModelCache;
  readonly #held = new Map<string, SharedHold<HeldModel>>();
  /** Stamps of the entries that have been verified, by id. */
  readonly #verified = new Map<string, string>();
  /** Files with weights of the models that have been read. */
  readonly #locations = new Map<string, readonly string[]>();

  constructor(options: ModelStoreOptions = {}) {
    const { objects } = options;
    this.#files = modelReader(objects === undefined ? sharedS3Store : () => Promise.resolve(objects));
    this.#cache = new ModelCache(options);
  }

  /** Returns the current version. @throws ModelLoadError if there is no model, or this process has no permission */
  async look(uri: string, options: LookOptions = {}): Promise<ModelVersion> {
    const target = isPointer(uri) ? await readPointer(uri, this.#files, options) : uri;
    const folder = await this.#files.list(target, options);
    if (folder !== undefined) return folderVersion(target, folder, options.select);
    const model = await this.#files.find(target, nameOfModel(target), options);
    const locations = this.#locations.get(keyOf(model)) ?? (options.weights === true ? await this.#scan(model) : []);
    return this.#versionOf(model, locations, options);
  }

  /**
   * Fetches a version to local disk, unless it is there already.
   *
   * @throws an error of code MODEL_REPLACED and disposition `retry` if the version no longer exists.
   */
  async fetch(version: ModelVersion, { signal }: StoreOptions = {}): Promise<HeldModel> {
    let shared = this.#held.get(version.id);
    if (shared === undefined) {
      const forget = (): void => void (this.#held.get(version.id) === shared && this.#held.delete(version.id));
      shared = new SharedHold((unused) => this.#obtain(version, unused), forget);
      this.#held.set(version.id, shared);
    }
    return shared.join(signal);
  }

  /** Fetches the current version to local disk. @throws ModelLoadError */
  async acquire(uri: string, options: AcquireOptions = {}): Promise<HeldModel> {
    if (options.inPlace === true && !isS3Uri(uri)) {
      const path = isPointer(uri) ? await readPointer(uri, this.#files, options) : uri;
      if (!isS3Uri(path)) return { path, release: () => Promise.resolve() };
    }
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.fetch(await this.look(uri, options), options);
      } catch (error) {
        if (codeOf(error) !== 'MODEL_REPLACED' || tries === MAX_TRIES) throw error;
      }
    }
  }

  /** Discards a version from the cache whose content is wrong: it is fetched again. */
  async discard({ id }: ModelVersion): Promise<void> {
    this.#held.delete(id);
    this.#verified.delete(id);
    await this.#cache.discard(id);
  }

  async #scan(model: FoundFile): Promise<readonly string[]> {
    if (isS3Uri(model.uri) && model.byteLength > MAX_GRAPH_BYTES) return [];
    const scanner = new LocationScanner();
    for await (const chunk of this.#files.read(model)) scanner.push(chunk);
    remember(this.#locations, keyOf(model), scanner.locations);
    return scanner.locations;
  }

  async #versionOf(model: FoundFile, locations: readonly string[], options: StoreOptions): Promise<ModelVersion> {
    const weights = await Promise.all(
      locations.map((location) => {
        const { uri, name } = besideModel(model.uri, location);
        return this.#files.find(uri, name, options);
      }),
    );
    const files = [model, ...weights];
    return { id: idOf(files.map(keyOf)), files };
  }

  async #obtain(version: ModelVersion, signal: AbortSignal): Promise<HeldModel> {
    const cached = await this.#verify(await this.#cache.acquire(version.id));
    if (cached !== undefined) return heldModel(cached, version);
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#download(version, signal);
      } catch (error) {
        if (codeOf(error) === 'ENOSPC') {
          const where = version.files[0]?.uri ?? 'the model';
          throw new ModelLoadError(`Cannot fetch ${where} as the disk is full: ${diskAdvice()}`, { cause: error });
        }
        if (!SPOILED.has(codeOf(error) ?? '') || tries === MAX_TRIES) throw error;
      }
    }
  }

  async #download(version: ModelVersion, signal: AbortSignal): Promise<HeldModel> {
    if (version.folder !== undefined) return this.#downloadFolder(version, version.folder, signal);
    const [model] = version.files;
    if (model === undefined) throw new TypeError('a version has at least one file');
    await using draft = await this.#cache.draft();
    const hash = createHash('sha256');
    const scanner = new LocationScanner();
    await draft.makeRoom(version.files.reduce((sum, { byteLength }) => sum + byteLength, 0));
    const save = (file: FoundFile, take: (chunk: Uint8Array) => void): Promise<void> =>
      saveFile(file, { files: this.#files, folder: draft.folder, signal, onChunk: take });
    await save(model, (chunk) => {
      hash.update(chunk);
      scanner.push(chunk);
    });
    remember(this.#locations, keyOf(model), scanner.locations);
    const whole = await this.#versionOf(model, scanner.locations, { signal });
    if (whole.id !== version.id) {
      const cached = await this.#verify(await this.#cache.acquire(whole.id));
      if (cached !== undefined) return heldModel(cached, whole);
      await draft.makeRoom(whole.files.reduce((sum, { byteLength }) => sum + byteLength, 0));
    }
    for (const file of whole.files.slice(1)) await save(file, (chunk) => void hash.update(chunk));
    if (whole.files.length > 1) await this.#checkStill(whole, signal);
    const files = whole.files.map(({ name, byteLength }) => ({ name, byteLength }));
    const entry = await draft.commit(whole.id, { digest: hash.digest('hex'), files });
    remember(this.#verified, entry.id, entry.stamp);
    return heldModel(entry, whole);
  }

  async #downloadFolder(version: ModelVersion, folder: string, signal: AbortSignal): Promise<HeldModel> {
    await using draft = await this.#cache.draft();
    await draft.makeRoom(version.files.reduce((sum, { byteLength }) => sum + byteLength, 0));
    const digests = new Map<string, string>();
    for (const file of version.files) {
      const hash = createHash('sha256');
      const take = (chunk: Uint8Array): void => void hash.update(chunk);
      await saveFile(file, { files: this.#files, folder: draft.folder, signal, onChunk: take });
      digests.set(file.name, hash.digest('hex'));
    }
    // Files are uploaded one after another: a folder that still changes is not a version.
    const now = await this.#files.list(folder, { signal });
    if (now === undefined || folderVersion(folder, now, version.select).id !== version.id) throw replacedError(folder);
    const files = version.files.map(({ name, byteLength }) => ({ name, byteLength }));
    const entry = await draft.commit(version.id, { digest: folderDigest(digests), isFolder: true, files });
    remember(this.#verified, entry.id, entry.stamp);
    return heldModel(entry, version);
  }

  /** Checks that no file was replaced while the files were fetched, one after another. */
  async #checkStill({ files }: ModelVersion, signal: AbortSignal): Promise<void> {
    for (const file of files) {
      const now = await this.#files.find(file.uri, file.name, { signal });
      if (now.version !== file.version) throw replacedError(file.uri);
    }
  }

  /** Returns the entry, or discards it if its content has changed since it was created. */
  async #verify(entry: CacheEntry | undefined): Promise<CacheEntry | undefined> {
    if (entry === undefined || this.#verified.get(entry.id) === entry.stamp) return entry;
    const content = await readModelContent(entry.path).catch(() => undefined);
    if (content?.digest === entry.digest) {
      remember(this.#verified, entry.id, entry.stamp);
      return entry;
    }
    await entry.release();
    await this.#cache.discard(entry.id);
    return undefined;
  }
}

function folderVersion(folder: string, all: readonly FoundFile[], select: FileSelection | undefined): ModelVersion {
  if (select === undefined) return { id: idOf(['folder', ...all.map(keyOf)]), files: all, folder };
  const names = new Set(
    select(
      all.map(({ name }) => name),
      folder,
    ),
  );
  const files = all.filter(({ name }) => names.has(name));
  return { id: idOf(['folder', ...files.map(keyOf)]), files, folder, select };
}

function idOf(keys: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(keys)).digest('hex').slice(0, ID_DIGITS);
}

function heldModel(entry: CacheEntry, version: ModelVersion): HeldModel {
  return { path: entry.path, digest: entry.digest, version, release: () => entry.release() };
}

function remember<Value>(known: Map<string, Value>, key: string, value: Value): void {
  const [oldest] = known.keys();
  if (known.size >= MAX_REMEMBERED && oldest !== undefined) known.delete(oldest);
  known.set(key, value);
}

function keyOf({ uri, version }: FoundFile): string {
  return `${uri} ${version}`;
}
