import { readdir } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { watch } from 'chokidar';
import { isSkippedName } from '../../lib/jobs/run/files-below.ts';
import { lookAtEntry } from '../../lib/jobs/run/folder-entries.ts';

export interface FolderUploadsOptions {
  /** Folder that contains a folder for each pipeline. */
  readonly folder: string;
  readonly pipelines: readonly string[];
  /** Uploads a file to `<pipeline>/<path below the pipeline's folder>`. */
  readonly upload: (key: string, path: string) => Promise<void>;
  /** Called for each file that is not in a pipeline's folder. */
  readonly onStray: (path: string) => void;
  /** Called for each entry that is skipped because it is not a regular file: a link, a named pipe, a device. */
  readonly onOdd: (path: string, reason: string) => void;
  /** Called once for each file or folder that is skipped because its name begins with `_` or `.`. */
  readonly onSkipped: (path: string) => void;
  readonly onError: (path: string, error: unknown) => void;
}

const UPLOADS_AT_ONCE = 8;
/** Time after which a file of constant size counts as completely written. */
const STABLE_MILLIS = 300;
const STABILITY_POLL_MILLIS = 50;

/**
 * Uploads the files of a folder, several at a time. Callbacks report the outcome of each; no method throws.
 *
 * Links are not followed: otherwise, a user who can write to the folder could read any file that the fabric can read.
 */
export class FolderUploads {
  readonly #options: FolderUploadsOptions;
  /** Files to upload, in this order. */
  readonly #waiting = new Set<string>();
  readonly #skipped = new Set<string>();
  readonly #running = new Map<string, Promise<void>>();
  #isStopped = false;

  constructor(options: FolderUploadsOptions) {
    this.#options = options;
  }

  /** Uploads a file, even if it was uploaded before. Skips the names that `fabric run` skips in a folder. */
  add(path: string): void {
    const { folder } = this.#options;
    const segments = relative(folder, path).split(sep);
    const skipped = segments.findIndex(isSkippedName);
    if (skipped !== -1) return this.#skip(join(folder, ...segments.slice(0, skipped + 1)));
    this.#waiting.add(path);
    this.#startNext();
  }

  /** Adds all files that are in the folder now. */
  async addAll(): Promise<void> {
    const { folder } = this.#options;
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
    for (const path of files.sort()) this.add(path);
  }

  /** Resolves when all files that were added are uploaded. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }

  /** Starts no further uploads, and reports no errors of those that are running. */
  stop(): void {
    this.#isStopped = true;
    this.#waiting.clear();
  }

  #skip(path: string): void {
    if (this.#skipped.has(path)) return;
    this.#skipped.add(path);
    this.#options.onSkipped(path);
  }

  #startNext(): void {
    for (const path of this.#waiting) {
      if (this.#running.size >= UPLOADS_AT_ONCE) return;
      // A file that changes while it is uploaded waits for that to end.
      if (this.#running.has(path)) continue;
      this.#waiting.delete(path);
      this.#running.set(path, this.#upload(path));
    }
  }

  async #upload(path: string): Promise<void> {
    const { folder, pipelines, upload, onStray, onOdd, onError } = this.#options;
    try {
      const segments = relative(folder, path).split(sep);
      const look = await lookAtEntry(path);
      if (look.kind === 'failed') onOdd(path, look.failure.message);
      else if (segments.length < 2 || !pipelines.includes(segments[0] ?? '')) onStray(path);
      else await upload(segments.join('/'), path);
    } catch (error) {
      if (!this.#isStopped) onError(path, error);
    } finally {
      this.#running.delete(path);
      this.#startNext();
    }
  }
}

/**
 * Uploads all files of a folder, and each file that is written there later. A file counts as completely written
 * `stableMillis` after it last grew.
 */
export async function watchFolder(
  folder: string,
  uploads: FolderUploads,
  { stableMillis = STABLE_MILLIS }: { readonly stableMillis?: number } = {},
): Promise<AsyncDisposable> {
  const watcher = watch(folder, {
    followSymlinks: false,
    ignored: (path) =>
      relative(folder, path)
        .split(sep)
        .some((segment) => /^\.[^.]/.test(segment)),
    awaitWriteFinish: { stabilityThreshold: stableMillis, pollInterval: STABILITY_POLL_MILLIS },
  });
  watcher.on('add', (path) => uploads.add(path));
  watcher.on('change', (path) => uploads.add(path));
  const ready = Promise.withResolvers<void>();
  watcher.once('ready', () => ready.resolve());
  watcher.on('error', (error) => ready.reject(error));
  await ready.promise;
  return { [Symbol.asyncDispose]: () => watcher.close() };
}
