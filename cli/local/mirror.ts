import { jobKey, STAGING } from '../../lib/jobs/output-layout.ts';
import { pathOfKey } from '../../lib/stores/file-names.ts';
import type { ObjectStore } from '../../lib/stores/object-store.ts';
import { MirroredFiles } from './mirrored-files.ts';
import { type GroupContext, MirroredGroup } from './mirrored-group.ts';
import { groupOfKey, resultsIn } from './result-keys.ts';
import { StagedObjects } from './staged-objects.ts';

export interface MirrorOptions {
  readonly store: ObjectStore;
  /** Bucket whose objects are mirrored. */
  readonly bucket: string;
  /** Target folder. */
  readonly folder: string;
  /** Called when an object was written to its file. */
  readonly onMirrored?: (key: string, path: string) => void | Promise<void>;
  /** Called when an object can't be written to its file, once for each reason of a job or a single object. */
  readonly onError: (key: string, error: Error) => void;
  /** Called when a job, or a single object, that could not be written completely is complete now. */
  readonly onRecovered?: (name: string) => void;
}

/** A job, or a single object, that can't be written completely. */
export interface Unwritten {
  /** Folder of the job, `<pipeline>/<anything>`, or key of the object. */
  readonly name: string;
  /** Number of files that are not written, including those that wait for others. */
  readonly missing: number;
}

/**
 * Mirrors a bucket to a folder, without the fabric's internal objects: one object after the other, in the order
 * in which they were written. Each file appears in one step.
 *
 * A file of a job that can't be written holds back its manifest and `_SUCCESS`, and is tried again when all changes are
 * mirrored, after at least one more change.
 *
 * Results of an earlier session stay until those of this session are complete on disk; then they are replaced. A file
 * that the fabric did not write is never replaced: an object with its path is an error.
 */
export class Mirror {
  readonly #options: MirrorOptions;
  readonly #context: GroupContext;
  /** Jobs and single objects with pending changes, each with the number of the change after which it was last tried. */
  readonly #groups = new Map<string, { readonly group: MirroredGroup; readonly triedAt: number }>();
  /** Folders of the jobs that this session recorded. */
  readonly #jobs = new Set<string>();
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;
  #changes = 0;

  constructor(options: MirrorOptions) {
    const { folder, onError, onMirrored = () => {} } = options;
    this.#options = options;
    this.#context = {
      files: new MirroredFiles(),
      pathOf: (key) => pathOfKey(folder, key),
      stage: () => new StagedObjects(options),
      onMirrored,
      onError,
    };
  }

  /** Jobs and single objects that are not complete because something can't be written. */
  get unwritten(): readonly Unwritten[] {
    const failed = [...this.#groups.values()].filter(({ group }) => group.hasFailed);
    return failed.map(({ group: { name, missing } }) => ({ name, missing }));
  }

  /** Returns true if a job, or a single object, is not complete because something can't be written. */
  hasFailed(name: string): boolean {
    return this.#groups.get(name)?.group.hasFailed === true;
  }

  /** Mirrors an object that was written or removed. Objects of other buckets are ignored. */
  objectChanged({ bucket, key }: { readonly bucket: string; readonly key: string }): void {
    if (bucket !== this.#options.bucket || key.startsWith(`${STAGING}/`)) return;
    this.afterChanges(() => this.#change(key));
  }

  /** Runs work, which must not throw, when all changes until now are mirrored. `settled` waits for it too. */
  afterChanges(work: () => void | Promise<void>): void {
    this.#waiting += 1;
    this.#last = this.#last.then(async () => {
      await work();
      this.#waiting -= 1;
      if (this.#waiting === 0) await this.#retry();
    });
  }

  /** Resolves when the folder equals the bucket, except for files that can't be written. */
  async settled(): Promise<void> {
    for (let last; last !== this.#last;) await (last = this.#last);
  }

  async #change(key: string): Promise<void> {
    this.#changes += 1;
    const name = groupOfKey(key, (folder) => this.#jobs.has(folder));
    if (key === jobKey(resultsIn(name))) this.#jobs.add(name);
    await this.#try(this.#groups.get(name)?.group ?? new MirroredGroup(name, this.#context), (group) =>
      group.change(key),
    );
  }

  /** Retries files that could not be written before the latest change. */
  async #retry(): Promise<void> {
    for (const { group, triedAt } of this.#groups.values())
      if (group.hasFailed && triedAt < this.#changes) await this.#try(group, () => group.retry());
  }

  async #try(group: MirroredGroup, write: (group: MirroredGroup) => Promise<void>): Promise<void> {
    const hadFailed = group.hasFailed;
    this.#groups.set(group.name, { group, triedAt: this.#changes });
    await write(group);
    if (!group.isDone) return;
    this.#groups.delete(group.name);
    if (hadFailed) this.#options.onRecovered?.(group.name);
  }
}
