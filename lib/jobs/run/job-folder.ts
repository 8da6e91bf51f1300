import { access, mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DEFAULT_PART_FORMAT } from '../../formats/parts/part-formats.ts';
import {
  commitFile,
  lazySpool,
  openSpool,
  removeFile,
  removeTemporaries,
  writeAtomically,
} from '../../stores/atomic-file.ts';
import { freeBytes } from '../../stores/free-bytes.ts';
import { codeOf, isMissing } from '../../stores/system-errors.ts';
import { type Job, parseJob } from '../job.ts';
import { type JobEnd, manifestOf } from '../manifest.ts';
import { type PartNote, partNote } from '../part-note.ts';
import {
  ALL_FOLDER_NAMES,
  bundleName,
  errorsPath,
  FOLDER_NAMES,
  type FolderNames,
  isResultPath,
  partName,
  SUCCESS_FILE,
} from '../part-names.ts';
import { encodePart } from '../commit/encode-part.ts';
import { isChunkThere } from './chunks.ts';
import { textOf } from './local-contents.ts';
import type { JobOutput, StagedPart } from './run-output.ts';

export interface JobFolderOptions {
  readonly job: Job;
  /** Path of the folder of results. */
  readonly folder: string;
  /** @default the names of new jobs */
  readonly names?: FolderNames;
  /** Path of the job's staging folder. */
  readonly staging: string;
}

/**
 * A job's folder of results, and its staging.
 *
 *     <folder>/_job.json, part-…, _errors/errors-…, _manifest.json, _SUCCESS
 *     <staging>/part-….note.json   what is known of a part, written before the part
 *     <staging>/part-….errors      staged errors, moved to _errors/ after the part
 *     <staging>/part-….answers     what remote models answered for a bundle that was not committed
 *     <staging>/part-….started     a bundle that was taken up and not committed; a second try runs in its own process
 *
 * The part decides: a process that finds it completes the rest. One process at a time owns the folder. A part without a
 * note does not count, because its content is unknown: its bundle runs again.
 */
export class JobFolder implements JobOutput {
  readonly job: Job;
  readonly folder: string;
  readonly names: FolderNames;
  readonly #staging: string;
  /** True if the job was recorded by this run, so that no earlier one has left anything. */
  #isNew = false;

  constructor({ job, folder, names = FOLDER_NAMES, staging }: JobFolderOptions) {
    this.job = job;
    this.folder = folder;
    this.names = names;
    this.#staging = staging;
  }

  /** Returns the job whose results a folder holds, and the names of its files; undefined if there is no job. */
  static async planIn(folder: string): Promise<{ readonly job: Job; readonly names: FolderNames } | undefined> {
    for (const names of ALL_FOLDER_NAMES) {
      const job = parseJob((await textOf(join(folder, names.job))) ?? '');
      if (job !== undefined) return { job, names };
    }
    return undefined;
  }

  async record(): Promise<void> {
    await writeAtomically(join(this.folder, this.names.job), `${JSON.stringify(this.job)}\n`);
    this.#isNew = true;
  }

  chunkPath(bundle: number): string {
    return join(this.#staging, 'chunks', String(bundle));
  }

  /** As when a part was removed by hand, or a run was killed while it staged them again. */
  async lacksChunks(): Promise<boolean> {
    if (!this.#isChunked) return false;
    for (let bundle = 0; bundle < this.job.of; bundle += 1) {
      if ((await this.committed(bundle)) !== undefined) continue;
      if (!(await isChunkThere(this.job, bundle, this.chunkPath(bundle)))) return true;
    }
    return false;
  }

  async committed(bundle: number): Promise<PartNote | undefined> {
    const name = partName(bundle, this.job.of, this.job.parts);
    if (!(await exists(join(this.folder, name)))) return undefined;
    const text = await readIfThere(this.#staged(bundle, 'note.json'));
    if (text === undefined) {
      await Promise.all([join(this.folder, name), this.#placed(bundle)].map(removeFile));
      return undefined;
    }
    const note = JSON.parse(text) as PartNote;
    await this.#placeErrors(bundle, note);
    await this.#tidy(bundle);
    return note;
  }

  async stage(bundle: number): Promise<{ readonly part: StagedPart; readonly receives: number }> {
    const name = partName(bundle, this.job.of, this.job.parts);
    const started = this.#staged(bundle, 'started');
    const answers = this.#staged(bundle, 'answers');
    const results = await openSpool(this.#staged(bundle, 'results'));
    const before = await readIfThere(started);
    const receives = Number(before ?? 0) + 1;
    await writeFile(started, String(receives));
    const errors = lazySpool(this.#staged(bundle, 'errors'));
    // An earlier attempt may have left files: these are removed after the commit.
    let isFirst = this.#isNew && before === undefined;
    const close = async (): Promise<void> => {
      await Promise.all([results.close(), errors.close()]);
    };
    let committing = false;
    const withdraw = async (): Promise<void> => {
      await close();
      if (committing) return;
      await Promise.all([results.path, errors.path].map(removeFile));
      await (before === undefined ? removeFile(started) : writeFile(started, before));
    };
    const part: StagedPart = {
      async write(chunk) {
        await results.write(chunk.results);
        await errors.write(chunk.errors);
        freeBytes(chunk.results);
        freeBytes(chunk.errors);
      },
      // The note, then the part, then the errors.
      commit: async (summary) => {
        committing = true;
        await close();
        const file = await encodePart(results, this.job.parts ?? DEFAULT_PART_FORMAT);
        const staged = errors.byteLength === 0 ? undefined : basename(errors.path);
        const note = partNote({ job: this.job.id, name, bytes: file.byteLength, errors: staged }, summary);
        await writeAtomically(this.#staged(bundle, 'note.json'), JSON.stringify(note));
        await commitFile(file.path, join(this.folder, name));
        await this.#placeErrors(bundle, note);
        await (isFirst && !this.#isChunked ? removeFile(started) : this.#tidy(bundle));
        return note;
      },
      answers: () => readIfThere(answers, null),
      keepAnswers: (bytes) => {
        isFirst = false;
        return writeAtomically(answers, bytes);
      },
      [Symbol.asyncDispose]: withdraw,
    };
    return { part, receives };
  }

  async finish(end: JobEnd, notes: readonly PartNote[]): Promise<void> {
    const manifest = manifestOf(this.job, end, notes);
    await writeAtomically(join(this.folder, this.names.manifest), `${JSON.stringify(manifest, undefined, 2)}\n`);
    if (end.status === 'complete') await writeAtomically(join(this.folder, SUCCESS_FILE), '');
    if (end.status !== 'complete' && end.status !== 'limited') return;
    if (this.#isChunked) await rm(join(this.#staging, 'chunks'), { recursive: true, force: true });
    if (this.#isNew) return;
    await removeTemporaries(this.#staging);
    await removeTemporaries(this.folder, (path) => isResultPath(path, this.names));
  }

  /**
   * Removes the results of the job in a folder and no other files; then the folder, if it is empty. The recorded plan
   * is removed last: until then the folder belongs to the job, even after a crash.
   */
  static async clear(folder: string): Promise<void> {
    const { job, errors } = await namesIn(folder);
    const paths = (await JobFolder.results(folder)).filter((path) => path !== job);
    await Promise.all(paths.map((path) => rm(join(folder, path), { force: true })));
    await removeIfEmpty(join(folder, errors));
    await rm(join(folder, job), { force: true });
    await removeIfEmpty(folder);
  }

  /** Lists the results in a job's folder, the recorded plan included, by their paths below it. */
  static async results(folder: string): Promise<readonly string[]> {
    const names = await namesIn(folder);
    const paths = await Promise.all(['', names.errors].map((below) => pathsIn(folder, below)));
    return paths.flat().filter((path) => isResultPath(path, names));
  }

  /** True if bundles are staged: each one's chunk is removed when it is committed. */
  get #isChunked(): boolean {
    const { plan } = this.job;
    return plan.kind === 'object' && plan.chunked;
  }

  async #placeErrors(bundle: number, { errors }: PartNote): Promise<void> {
    const placed = this.#placed(bundle);
    if (errors === undefined || (await exists(placed))) return;
    await mkdir(dirname(placed), { recursive: true });
    await rename(join(this.#staging, errors), placed);
  }

  /** Removes what of a bundle's staging is not needed once it is committed. */
  async #tidy(bundle: number): Promise<void> {
    const staged = ['started', 'results', 'errors', 'answers'].map((what) => this.#staged(bundle, what));
    await Promise.all([...staged, this.chunkPath(bundle)].map(removeFile));
  }

  #placed(bundle: number): string {
    return join(this.folder, errorsPath(bundle, this.job.of, this.names));
  }

  #staged(bundle: number, what: string): string {
    return join(this.#staging, `${bundleName(bundle, this.job.of)}.${what}`);
  }
}

/** Returns the names that a folder has by its recorded plan, or else those of a new job. */
async function namesIn(folder: string): Promise<FolderNames> {
  return (await JobFolder.planIn(folder))?.names ?? FOLDER_NAMES;
}

/** Lists a job's folder, or a folder below it, by the paths below the job's folder. */
async function pathsIn(folder: string, below: string): Promise<readonly string[]> {
  const names = await readdir(join(folder, below)).catch(() => []);
  return names.map((name) => join(below, name));
}

async function removeIfEmpty(folder: string): Promise<void> {
  try {
    await rmdir(folder);
  } catch (error) {
    // It holds other files, it is a link to a folder, or it is gone.
    if (!isMissing(error) && !['ENOTEMPTY', 'EEXIST'].includes(codeOf(error) ?? '')) throw error;
  }
}

async function readIfThere(path: string): Promise<string | undefined>;
async function readIfThere(path: string, encoding: null): Promise<Uint8Array | undefined>;
async function readIfThere(path: string, encoding: 'utf8' | null = 'utf8'): Promise<string | Uint8Array | undefined> {
  try {
    return await readFile(path, encoding);
  } catch (error) {
    // A file may have the name of a folder, or a folder that of a file.
    if (isMissing(error) || codeOf(error) === 'EISDIR') return undefined;
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
