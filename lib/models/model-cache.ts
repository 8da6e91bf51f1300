import { mkdir, readFile, rm, stat, statfs, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ConfigError, FabricError } from '../errors.ts';
import { privateFolder, UnsafeFolderError } from '../stores/private-folder.ts';
import { Serial } from '../stores/serial.ts';
import { codeOf } from '../stores/system-errors.ts';
import { type CacheNote, EVICTED, FETCHING, FILES, HOLDS, makeRoom, NOTE, renamed } from './cache-folder.ts';
import { ownName } from './cache-holds.ts';
import { stampOfFile } from './model-digest.ts';

const FOLDER_VARIABLE = 'FABRIC_MODEL_CACHE';
const BYTES_VARIABLE = 'FABRIC_MODEL_CACHE_BYTES';
/** Default share of the cache's disk. The disk of a Lambda function is small, and holds other files too. */
const DEFAULT_SHARE = 0.5;
const DEFAULT_MAX_BYTES = 20 * 1024 ** 3;
/** Tries to commit an entry where another one appears and disappears. */
const MAX_TRIES = 3;
/** Number of looks for an entry: an eviction moves it away, and moves it back if it finds a hold. */
const MAX_LOOKS = 5;
const LOOK_MILLIS = 20;

/** A version in the cache, which stays there until it is released. */
export interface CacheEntry extends CacheNote {
  readonly id: string;
  /** The model file, or the model folder. */
  readonly path: string;
  /** Stamp of the files. It differs once a file has been written to. */
  readonly stamp: string;
  release(): Promise<void>;
}

/** An entry that is being created. Disposal deletes its files, unless the entry was committed. */
export interface CacheDraft extends AsyncDisposable {
  readonly folder: string;
  /** Evicts entries until all of the draft's bytes fit, those written and those to come. */
  makeRoom(byteLength: number): Promise<void>;
  /** Commits the entry under its id and holds it. If another process was first, its entry is returned. */
  commit(id: string, note: CacheNote): Promise<CacheEntry>;
}

export interface ModelCacheOptions {
  /** @default the variable FABRIC_MODEL_CACHE, else a folder of the system's temporary one */
  readonly folder?: string;
  /** @default the variable FABRIC_MODEL_CACHE_BYTES, else half of the disk, at most 20 GiB */
  readonly maxBytes?: number;
}

/**
 * Model versions on local disk, one folder each, shared by all processes of this machine. A rename makes an entry visible
 * as a whole, and removes it as a whole. To make room, entries that no living process holds are evicted, the least
 * recently used first. A version that is larger than the bound is kept, by itself.
 *
 *     <folder>/<id>/entry.json    its digest and files
 *                   model/…       the files
 *                   in-use/…      an empty file for each hold
 */
export class ModelCache {
  readonly #options: ModelCacheOptions;
  readonly #evictions = new Serial();
  #root: Promise<string> | undefined;

  constructor(options: ModelCacheOptions = {}) {
    this.#options = options;
  }

  /** Acquires a hold on an entry. Returns undefined if there is no such entry, or a file of it has another length. */
  async acquire(id: string): Promise<CacheEntry | undefined> {
    const hold = join(await this.#folder(), id, HOLDS, ownName());
    try {
      await writeFile(hold, '');
    } catch {
      return undefined;
    }
    return this.#entryOf(id, hold);
  }

  /** Returns the entry in which this hold is. Returns undefined if it was evicted, or it is broken. */
  async #entryOf(id: string, hold: string): Promise<CacheEntry | undefined> {
    for (let looks = 1; ; looks += 1) {
      try {
        return await entryIn(join(await this.#folder(), id), id, hold);
      } catch (error) {
        if (codeOf(error) === 'ENOENT' && looks < MAX_LOOKS) {
          await delay(LOOK_MILLIS);
          await writeFile(hold, '').catch(() => {});
          continue;
        }
        // A broken entry is fetched again.
        await this.discard(id);
        return undefined;
      }
    }
  }

  /** Starts an entry, whose files are written to the draft's folder. */
  async draft(): Promise<CacheDraft> {
    const root = await this.#folder();
    const temporary = join(root, `${FETCHING}${ownName()}`);
    const hold = ownName();
    for (const name of [FILES, HOLDS]) await mkdir(join(temporary, name), { recursive: true, mode: 0o700 });
    return {
      folder: join(temporary, FILES),
      makeRoom: (byteLength) =>
        this.#evictions.run(root, async () => makeRoom(root, byteLength, await this.#maxBytes(root))),
      commit: async (id, note) => {
        await writeFile(join(temporary, NOTE), JSON.stringify(note));
        await writeFile(join(temporary, HOLDS, hold), '');
        for (let tries = 0; tries < MAX_TRIES; tries += 1) {
          const isCommitted = await renamed(temporary, join(root, id));
          const entry = isCommitted ? await this.#entryOf(id, join(root, id, HOLDS, hold)) : await this.acquire(id);
          if (entry !== undefined) return entry;
        }
        throw new FabricError(
          'MODEL_CACHE_BUSY',
          `Cannot keep a model in ${root} as other processes remove it at once`,
          {
            disposition: 'retry',
          },
        );
      },
      [Symbol.asyncDispose]: () => rm(temporary, { recursive: true, force: true }),
    };
  }

  /** Removes a corrupt entry, even if processes hold it. */
  async discard(id: string): Promise<void> {
    const root = await this.#folder();
    const away = join(root, `${EVICTED}${ownName()}`);
    if (await renamed(join(root, id), away)) await rm(away, { recursive: true, force: true });
  }

  #folder(): Promise<string> {
    this.#root ??= openFolder(this.#options.folder ?? (process.env[FOLDER_VARIABLE] || undefined));
    return this.#root;
  }

  async #maxBytes(root: string): Promise<number> {
    const { maxBytes } = this.#options;
    const named = process.env[BYTES_VARIABLE] || undefined;
    if (maxBytes !== undefined || named !== undefined) return checkedBound(maxBytes ?? Number(named));
    const { blocks, bsize } = await statfs(root);
    return Math.min(DEFAULT_MAX_BYTES, blocks * bsize * DEFAULT_SHARE);
  }
}

/** Returns advice for a full disk. */
export function diskAdvice(): string {
  return `set ${FOLDER_VARIABLE} to a folder with more room, or ${BYTES_VARIABLE} to fewer bytes`;
}

function checkedBound(maxBytes: number): number {
  if (Number.isSafeInteger(maxBytes) && maxBytes >= 1) return maxBytes;
  throw new ConfigError(`${BYTES_VARIABLE} must be a positive integer, in bytes: current value is ${maxBytes}`);
}

async function openFolder(named: string | undefined): Promise<string> {
  if (named !== undefined) {
    await mkdir(named, { recursive: true, mode: 0o700 });
    return resolve(named);
  }
  const user = process.getuid?.();
  try {
    // In a folder that other users can write to, they could replace models.
    return privateFolder(join(tmpdir(), `inference-fabric-models${user === undefined ? '' : `-${user}`}`));
  } catch (error) {
    if (!(error instanceof UnsafeFolderError)) throw error;
    const advice = `set ${FOLDER_VARIABLE} to a folder of your own`;
    throw new ConfigError(`${error.message}: ${advice}`, { cause: error });
  }
}

/** @throws if the entry is incomplete. */
async function entryIn(folder: string, id: string, hold: string): Promise<CacheEntry> {
  const note = JSON.parse(await readFile(join(folder, NOTE), 'utf8')) as CacheNote;
  const paths = note.files.map(({ name }) => join(folder, FILES, name));
  const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size));
  const short = note.files.findIndex(({ byteLength }, index) => byteLength !== sizes[index]);
  if (short >= 0) throw new RangeError(`${paths[short]} has ${sizes[short]} bytes`);
  await touch(folder);
  // The entry could be another one of the same id, which took the place of the one that was evicted.
  await stat(hold);
  return {
    ...note,
    id,
    path: note.isFolder === true ? join(folder, FILES) : (paths[0] ?? ''),
    stamp: (await Promise.all([join(folder, NOTE), ...paths].map(stampOfFile))).join(' '),
    async release() {
      await touch(folder);
      await rm(hold, { force: true });
    },
  };
}

/** Records the time of the last use of an entry, as its folder's time. */
async function touch(folder: string): Promise<void> {
  const now = new Date();
  await utimes(folder, now, now).catch(() => {});
}
