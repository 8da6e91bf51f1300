import { rm } from 'node:fs/promises';
import { openSpool, temporaryPath } from '../../lib/stores/atomic-file.ts';
import { pathOfKey } from '../../lib/stores/file-names.ts';
import type { ObjectStore } from '../../lib/stores/object-store.ts';

export interface StagedObjectsOptions {
  readonly store: ObjectStore;
  readonly bucket: string;
  /** Folder of the files that the objects become. */
  readonly folder: string;
}

/** Objects in temporary files beside their final paths. Files that are not renamed are removed when this is disposed of. */
export class StagedObjects implements AsyncDisposable {
  readonly #options: StagedObjectsOptions;
  readonly #paths = new Map<string, string | undefined>();

  constructor(options: StagedObjectsOptions) {
    this.#options = options;
  }

  /**
   * Returns the temporary path of an object, which is downloaded once; undefined if there is no such object.
   *
   * @throws RangeError if the key does not name a file in the folder.
   */
  async fetch(key: string): Promise<string | undefined> {
    if (this.#paths.has(key)) return this.#paths.get(key);
    const { store, bucket, folder } = this.#options;
    checkKey(key);
    const path = temporaryPath(pathOfKey(folder, key));
    let isThere = false;
    try {
      await using spool = await openSpool(path);
      const object = await store.get({ bucket, key });
      if (object !== undefined) for await (const chunk of object.chunks) await spool.write(chunk);
      isThere = object !== undefined;
    } finally {
      if (!isThere) await rm(path, { force: true }).catch(() => {});
    }
    this.#paths.set(key, isThere ? path : undefined);
    return isThere ? path : undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const path of this.#paths.values()) if (path !== undefined) await rm(path, { force: true }).catch(() => {});
  }
}

function checkKey(key: string): void {
  const segments = key.split('/');
  if (segments.some((segment) => /^\.{0,2}$/.test(segment) || segment.includes('\0')))
    throw new RangeError('its key has a segment that is not a valid file name');
  if (key.includes('\\'))
    throw new RangeError('its key contains a backslash, which separates folders on some systems: rename the input');
}
