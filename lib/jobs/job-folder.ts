import { access, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BundleSummary, OutcomeSink } from '../inference/bundle.ts';
import { commitFile, openSpool, writeAtomically } from '../stores/atomic-file.ts';
import type { Job } from './job.ts';
import { type JobStatus, manifestOf, type PartNote } from './manifest.ts';
import { partName } from './part-names.ts';

/** The files that one bundle's outcomes go to before they are committed. */
export interface StagedPart extends OutcomeSink, AsyncDisposable {
  /** Commits what was written: the note, then the part, then the errors. */
  commit(summary: BundleSummary): Promise<PartNote>;
}

/**
 * A job's folder of results, and its staging.
 *
 *     <folder>/job.json, part-…, errors/part-…, manifest.json, _SUCCESS
 *     <staging>/part-….note.json   what is known of a part, written before the part
 *     <staging>/part-….errors      staged errors, moved to errors/ after the part
 *     <staging>/part-….started     a bundle that was taken up and not committed; a second try runs in its own process
 *
 * The part decides: whoever finds it does what is missing of the rest. One process at a time owns the folder.
 */
export class JobFolder {
  readonly job: Job;
  readonly folder: string;
  readonly #staging: string;

  constructor(job: Job, folder: string, staging: string) {
    this.job = job;
    this.folder = folder;
    this.#staging = staging;
  }

  /** The job that a folder holds the results of, if any. */
  static async jobIn(folder: string): Promise<Job | undefined> {
    const text = await readIfThere(join(folder, 'job.json'));
    return text === undefined ? undefined : (JSON.parse(text) as Job);
  }

  async record(): Promise<void> {
    await writeAtomically(join(this.folder, 'job.json'), `${JSON.stringify(this.job)}\n`);
  }

  chunkPath(bundle: number): string {
    return join(this.#staging, 'chunks', String(bundle));
  }

  /** What is known of a committed part, its errors put in place; undefined where it has not been committed. */
  async committed(bundle: number): Promise<PartNote | undefined> {
    const name = partName(bundle, this.job.of);
    if (!(await exists(join(this.folder, name)))) return undefined;
    const text = await readIfThere(this.#staged(name, 'note.json'));
    if (text === undefined) return undefined;
    const note = JSON.parse(text) as PartNote;
    await this.#placeErrors(note);
    return note;
  }

  /** Opens the staging of a bundle. `receives`: how many times it has been taken up, this time included. */
  async stage(bundle: number): Promise<{ readonly part: StagedPart; readonly receives: number }> {
    const name = partName(bundle, this.job.of);
    const started = this.#staged(name, 'started');
    await mkdir(this.#staging, { recursive: true });
    const receives = Number((await readIfThere(started)) ?? 0) + 1;
    await writeFile(started, String(receives));
    const results = await openSpool(this.#staged(name, 'results'));
    const errors = await openSpool(this.#staged(name, 'errors'));
    const close = async (): Promise<void> => {
      await Promise.all([results.close(), errors.close()]);
    };
    const part: StagedPart = {
      async write(chunk) {
        await results.write(chunk.results);
        await errors.write(chunk.errors);
      },
      commit: async (summary) => {
        await close();
        const note: PartNote = {
          job: this.job.id,
          name,
          elements: summary.total,
          bytes: results.byteLength,
          succeeded: summary.succeeded,
          failedByStage: summary.failedByStage,
          models: summary.models,
          ...(errors.byteLength === 0 ? {} : { errors: errors.path }),
          elapsedMillis: Math.round(summary.elapsedMillis),
        };
        await writeAtomically(this.#staged(name, 'note.json'), JSON.stringify(note));
        await commitFile(results.path, join(this.folder, name));
        await this.#placeErrors(note);
        await Promise.all([started, errors.path, this.chunkPath(bundle)].map((path) => rm(path, { force: true })));
        return note;
      },
      [Symbol.asyncDispose]: close,
    };
    return { part, receives };
  }

  /** Writes the manifest and, for a complete job, `_SUCCESS`; then the staging is not needed any more. */
  async finish(status: JobStatus, notes: readonly PartNote[]): Promise<void> {
    const manifest = manifestOf(this.job, status, notes);
    await writeAtomically(join(this.folder, 'manifest.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
    if (status === 'complete') await writeAtomically(join(this.folder, '_SUCCESS'), '');
    if (status === 'complete') await rm(join(this.#staging, 'chunks'), { recursive: true, force: true });
  }

  /** Removes a job's results and staging, so that it starts anew. */
  static async clear(folder: string, staging: string): Promise<void> {
    await rm(folder, { recursive: true, force: true });
    await rm(staging, { recursive: true, force: true });
  }

  async #placeErrors({ name, errors }: PartNote): Promise<void> {
    const placed = join(this.folder, 'errors', name);
    if (errors === undefined || (await exists(placed))) return;
    await mkdir(join(this.folder, 'errors'), { recursive: true });
    await rename(errors, placed);
  }

  #staged(name: string, what: string): string {
    return join(this.#staging, `${name.replace(/\.jsonl$/, '')}.${what}`);
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
