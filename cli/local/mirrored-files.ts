import { lstat, readFile, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseJob, shownJobId } from '../../lib/jobs/job.ts';
import { headOf } from '../../lib/jobs/output-layout.ts';
import { isErrorsFolder } from '../../lib/jobs/part-names.ts';
import { findForeign, foreignFile, foreignFolder } from '../../lib/jobs/run/foreign-files.ts';
import { JobFolder } from '../../lib/jobs/run/job-folder.ts';
import { localContents, startOf } from '../../lib/jobs/run/local-contents.ts';

/** Maximum length of the first field, which identifies a file: an object key of 1,024 bytes, escaped in JSON. */
const MAX_HEAD_BYTES = 8 * 1024;

/**
 * Tracks which files of a folder the fabric wrote: those of this session, results of a job that an earlier session
 * recorded, and answers to the same object.
 */
export class MirroredFiles {
  readonly #own = new Set<string>();

  add(path: string): void {
    this.#own.add(path);
  }

  has(path: string): boolean {
    return this.#own.has(path);
  }

  /** Removes a file if this session wrote it. */
  async remove(path: string): Promise<void> {
    if (!this.#own.has(path)) return;
    await rm(path, { force: true });
    this.#own.delete(path);
    // Fails if it contains other files.
    if (isErrorsFolder(dirname(path))) await rmdir(dirname(path)).catch(() => {});
  }

  /**
   * Checks that a job can use a folder. Returns true if the folder holds results of an earlier session.
   *
   * @param name - the folder's path below its pipeline's folder.
   * @throws InputError if the folder contains files that the fabric did not write.
   */
  async claim(folder: string, name: string): Promise<boolean> {
    if ((await JobFolder.planIn(folder)) !== undefined) return true;
    const foreign = await findForeign(localContents(folder), name);
    if (foreign === undefined) return false;
    throw foreignFolder(folder, foreign);
  }

  /** Takes over the results of an earlier session in a job's folder. Returns their paths below it. */
  async adopt(folder: string): Promise<readonly string[]> {
    const results = await JobFolder.results(folder);
    for (const result of results) this.#own.add(join(folder, result));
    return results;
  }

  /**
   * Makes sure that a file can be written to its path.
   *
   * @param written - path of the finished content.
   * @throws if the path is taken by a folder, or by a file that the fabric did not write.
   */
  async makeRoom(path: string, written: string): Promise<void> {
    if (await isFolder(path)) throw new Error(`${path} is a folder: move it`);
    if (this.#own.has(path)) return;
    const there = await startOf(path, MAX_HEAD_BYTES);
    if (there === undefined) return;
    const head = headOf((await startOf(written, MAX_HEAD_BYTES)) ?? '');
    if (head === undefined || !there.startsWith(head)) throw foreignFile(path);
  }
}

/** Returns true if a file holds the recorded plan of the job whose results are in a folder, `<pipeline>/<anything>`. */
export async function isPlanOf(folder: string, path: string): Promise<boolean> {
  const job = parseJob(await readFile(path, 'utf8'));
  if (job === undefined) return false;
  const address = `${job.pipeline}/${job.name}`;
  return folder === address || folder === `${address}@${shownJobId(job.id)}`;
}

async function isFolder(path: string): Promise<boolean> {
  return lstat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
}
