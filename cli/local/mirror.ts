import { rename, rm } from 'node:fs/promises';
import { dirname, relative, sep } from 'node:path';
import { STAGING } from '../../lib/jobs/output-layout.ts';
import { openSpool, temporaryPath } from '../../lib/stores/atomic-file.ts';
import { pathOfKey } from '../../lib/stores/file-names.ts';
import type { ObjectStore } from '../../lib/stores/object-store.ts';
import { MirroredFiles } from './mirrored-files.ts';

export interface MirrorOptions {
  readonly store: ObjectStore;
  /** The bucket whose objects are mirrored. */
  readonly bucket: string;
  /** Where to. */
  readonly folder: string;
  /** An object is a file now. */
  readonly onMirrored?: (key: string, path: string) => void | Promise<void>;
  /** An object can't be a file here. */
  readonly onError: (key: string, error: Error) => void;
}

/**
 * Mirrors a bucket to a folder, without the fabric's internal objects: one object after the other, in the order
 * in which they were written, each file in one step. When a job is recorded, the results that an earlier session
 * left in its folder are removed. A file that the fabric did not write stays: an object with its path is an error.
 */
export class Mirror {
  readonly #options: MirrorOptions;
  readonly #files: MirroredFiles;
  #last: Promise<void> = Promise.resolve();

  constructor(options: MirrorOptions) {
    this.#options = options;
    this.#files = new MirroredFiles(options.folder);
  }

  /** An object was written or removed; it may be of any bucket. */
  objectChanged({ bucket, key }: { readonly bucket: string; readonly key: string }): void {
    if (bucket !== this.#options.bucket || key.startsWith(`${STAGING}/`)) return;
    this.#last = this.#last
      .then(() => this.#mirror(key))
      .catch((error: unknown) => this.#options.onError(key, error as Error));
  }

  /** Resolves when the folder is as the bucket is now. */
  async settled(): Promise<void> {
    for (let last; last !== this.#last;) await (last = this.#last);
  }

  async #mirror(key: string): Promise<void> {
    const { store, bucket, folder, onMirrored } = this.#options;
    const path = pathBelow(folder, key);
    if (this.#files.isRefused(path)) return;
    const spool = await openSpool(temporaryPath(path));
    try {
      const object = await store.get({ bucket, key });
      if (object === undefined) return await this.#files.remove(path);
      for await (const chunk of object.chunks) await spool.write(chunk);
      await spool.close();
      await this.#files.makeRoom(path, { name: nameOf(folder, path), written: spool.path });
      await rename(spool.path, path);
      this.#files.add(path);
      await onMirrored?.(key, path);
    } finally {
      await spool.close();
      await rm(spool.path, { force: true });
    }
  }
}

/** Returns the path of a file's folder below its pipeline's folder. */
function nameOf(folder: string, path: string): string {
  return relative(folder, dirname(path)).split(sep).slice(1).join('/');
}

/** @throws where a key leads out of the folder, or to no file in it. */
function pathBelow(folder: string, key: string): string {
  const segments = key.split('/');
  if (segments.some((segment) => /^\.{0,2}$/.test(segment) || /[\0\\]/.test(segment))) {
    throw new RangeError('its key has a segment that no file can be called');
  }
  return pathOfKey(folder, key);
}
