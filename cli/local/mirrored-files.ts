import { readFile, rm } from 'node:fs/promises';
import { basename, dirname, sep } from 'node:path';
import { parseJob } from '../../lib/jobs/job.ts';
import { headOf, JOB_FILE } from '../../lib/jobs/output-layout.ts';
import { findForeign, foreignFile, foreignFolder } from '../../lib/jobs/run/foreign-files.ts';
import { JobFolder } from '../../lib/jobs/run/job-folder.ts';
import { localContents, startOf } from '../../lib/jobs/run/local-contents.ts';

/** Maximum length of the first field, which identifies a file: an object key of 1,024 bytes, escaped in JSON. */
const MAX_HEAD_BYTES = 8 * 1024;

/** A file that is about to be written. */
export interface ComingFile {
  /** Path of its folder below its pipeline's folder. */
  readonly name: string;
  /** Path of the finished content. */
  readonly written: string;
}

/**
 * Knows which files of a folder are the fabric's: those of this session, results of a job that an earlier session
 * recorded, and answers to the same object.
 */
export class MirroredFiles {
  readonly #root: string;
  readonly #own = new Set<string>();
  /** Job folders that contain files which the fabric did not write: nothing more is written there. */
  readonly #refused = new Set<string>();

  constructor(root: string) {
    this.#root = root;
  }

  add(path: string): void {
    this.#own.add(path);
  }

  /** Returns whether a file belongs to a job whose folder was refused, which has been reported already. */
  isRefused(path: string): boolean {
    for (let folder = dirname(path); folder.startsWith(this.#root + sep); folder = dirname(folder))
      if (this.#refused.has(folder)) return true;
    return false;
  }

  /** Removes a file if this session wrote it. */
  async remove(path: string): Promise<void> {
    if (this.#own.delete(path)) await rm(path, { force: true });
  }

  /**
   * Makes sure that a file can be written to its path. For a recorded plan, removes the earlier results in its folder.
   *
   * @throws InputError if the path is taken by a file that the fabric did not write.
   */
  async makeRoom(path: string, { name, written }: ComingFile): Promise<void> {
    if (this.#own.has(path)) return;
    if (basename(path) === JOB_FILE && parseJob(await readFile(written, 'utf8')) !== undefined)
      return this.#takeFolder(dirname(path), name);
    const there = await startOf(path, MAX_HEAD_BYTES);
    if (there === undefined) return;
    const head = headOf((await startOf(written, MAX_HEAD_BYTES)) ?? '');
    if (head === undefined || !there.startsWith(head)) throw foreignFile(path);
  }

  async #takeFolder(folder: string, name: string): Promise<void> {
    if ((await JobFolder.jobIn(folder)) !== undefined) return JobFolder.clear(folder);
    const foreign = await findForeign(localContents(folder), name);
    if (foreign === undefined) return;
    this.#refused.add(folder);
    throw foreignFolder(folder, foreign);
  }
}
