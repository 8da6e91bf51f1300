import { createHash } from 'node:crypto';
import { ModelLoadError } from '../errors.ts';
import type { ObjectStore, StoreOptions } from '../stores/object-store.ts';
import { isS3Uri, sharedS3Store } from '../stores/open-source.ts';
import { codeOf } from '../stores/system-errors.ts';
import { LocationScanner } from './external-data.ts';
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
import { isPointer, readPointer } from './model-pointer.ts';
import { saveFile } from './save-file.ts';
import { SharedHold } from './shared-hold.ts';

/** How often a model is fetched that came otherwise than its store says, or was replaced meanwhile. */
const MAX_TRIES = 3;
/** Of a model in S3 that is no larger, a look finds the weights in files of their own, too; larger ones have none. */
const MAX_GRAPH_BYTES = 8 * 1024 * 1024;
/** What a download may come to that is not what is stored. */
const SPOILED: ReadonlySet<string> = new Set(['MODEL_CORRUPT', 'MODEL_CUT_SHORT', 'STORE_CONTENT_CORRUPT']);
/** Versions of which something is remembered. */
const MAX_REMEMBERED = 1000;

/** A model as it is at one time: its file, and those that hold its weights where it has such. */
export interface ModelVersion {
  /** The same for the same files in the same versions. */
  readonly id: string;
  /** The model's own first. Those with weights are known once the model has been read. */
  readonly files: readonly FoundFile[];
}

/** A model on this machine's disk, which stays there until it is let go. */
export interface HeldModel {
  readonly path: string;
  /** The SHA-256 in hexadecimal; undefined where the model is used where it lies. */
  readonly digest?: string;
  /** Undefined where the model is used where it lies. */
  readonly version?: ModelVersion;
  release(): Promise<void>;
}

export interface ModelStoreOptions extends ModelCacheOptions {
  /** @default S3, as the SDK's own settings say */
  readonly objects?: ObjectStore;
}

export interface LookOptions extends StoreOptions {
  /** Whether weights in files of their own are looked at, too, where that takes reading the model. @default false */
  readonly weights?: boolean;
}

export interface TakeOptions extends StoreOptions {
  /** Whether a file of this machine is used where it lies, and not copied. @default false */
  readonly inPlace?: boolean;
}

/**
 * Brings models to local disk: from S3, or from files that may be overwritten. Each version is fetched once, whatever
 * asks for it at once, and cached for all processes of this machine (see {@link ModelCache}).
 *
 * What is fetched has the size that its store says, and the checksum: S3's own where it keeps one, and the ETag where
 * that is the MD5. The SHA-256 is kept beside it, and is computed again when a process first takes a version from the
 * cache: one that is not what it was is fetched anew.
 *
 * A URI is an absolute path or `s3://<bucket>/<key>`, of a model or of a pointer to one.
 */
export class ModelStore {
  readonly #files: ModelReader;
  readonly #cache: ModelCache;
  readonly #held = new Map<string, SharedHold<HeldModel>>();
  /** What is known to be as it should: entries' stamps by their ids. */
  readonly #verified = new Map<string, string>();
  /** Where the weights of models are that have been read. */
  readonly #locations = new Map<string, readonly string[]>();

  constructor(options: ModelStoreOptions = {}) {
    const { objects } = options;
    this.#files = modelReader(objects === undefined ? sharedS3Store : () => Promise.resolve(objects));
    this.#cache = new ModelCache(options);
  }

  /** The version that is there now. @throws ModelLoadError where there is none, or this process may not read it */
  async look(uri: string, options: LookOptions = {}): Promise<ModelVersion> {
    const target = isPointer(uri) ? await readPointer(uri, this.#files, options) : uri;
    const model = await this.#files.find(target, nameOfModel(target), options);
    const locations = this.#locations.get(keyOf(model)) ?? (options.weights === true ? await this.#scan(model) : []);
    return this.#versionOf(model, locations, options);
  }

  /**
   * A version's files on local disk.
   *
   * @throws an error of code MODEL_REPLACED and disposition `retry` where it is nowhere any more.
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

  /** The version that is there now, on local disk. @throws ModelLoadError */
  async take(uri: string, options: TakeOptions = {}): Promise<HeldModel> {
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

  /** What lies in the cache under this version turned out to be something else: it is to be fetched anew. */
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
    return {
      id: createHash('sha256')
        .update(JSON.stringify(files.map(keyOf)))
        .digest('hex')
        .slice(0, 40),
      files,
    };
  }

  async #obtain(version: ModelVersion, signal: AbortSignal): Promise<HeldModel> {
    const cached = await this.#verify(await this.#cache.take(version.id));
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
    const [model] = version.files;
    if (model === undefined) throw new TypeError('a version has at least one file');
    await using draft = await this.#cache.draft();
    const hash = createHash('sha256');
    const scanner = new LocationScanner();
    await draft.makeRoom(version.files.reduce((sum, { byteLength }) => sum + byteLength, 0));
    const save = (file: FoundFile, take: (chunk: Uint8Array) => void): Promise<void> =>
      saveFile(file, { files: this.#files, folder: draft.folder, signal, take });
    await save(model, (chunk) => {
      hash.update(chunk);
      scanner.push(chunk);
    });
    remember(this.#locations, keyOf(model), scanner.locations);
    const whole = await this.#versionOf(model, scanner.locations, { signal });
    if (whole.id !== version.id) {
      const cached = await this.#verify(await this.#cache.take(whole.id));
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

  /** Files that were fetched one after another are of one version only if none was replaced meanwhile. */
  async #checkStill({ files }: ModelVersion, signal: AbortSignal): Promise<void> {
    for (const file of files) {
      const now = await this.#files.find(file.uri, file.name, { signal });
      if (now.version !== file.version) throw replacedError(file.uri);
    }
  }

  /** The entry, unless it is not what it was when it was made: then it is gone. */
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
