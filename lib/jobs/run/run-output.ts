import type { BundleSummary, OutcomeSink } from '../../inference/bundle.ts';
import type { Job } from '../job.ts';
import type { JobEnd } from '../manifest.ts';
import type { PartNote } from '../part-note.ts';
import type { JobName } from '../output-layout.ts';
import type { FolderNames } from '../part-names.ts';
import type { OwnState } from './foreign-files.ts';

/** Where one bundle's outcomes go before they are committed; what is not committed is gone when it is disposed of. */
export interface StagedPart extends OutcomeSink, AsyncDisposable {
  /** Commits what was written. @returns what is there now, which may be another run's */
  commit(summary: BundleSummary): Promise<PartNote>;
  /** Returns the answers of remote models from an attempt that ended without a commit, if there are any. */
  answers(): Promise<Uint8Array | undefined>;
  /** Keeps that for the next time; it is gone with the commit. */
  keepAnswers(answers: Uint8Array): Promise<void>;
}

/** A job's results, and its staging. The part decides: a process that finds it completes the rest. */
export interface JobOutput {
  readonly job: Job;
  /** The folder of results: its path, or its URI. */
  readonly folder: string;
  /** Names of the files in it. */
  readonly names: FolderNames;
  /** Where on this machine the uncompressed bytes of a compressed object's bundle are. */
  chunkPath(bundle: number): string;
  /** Returns whether the chunk of a bundle without a part is gone. */
  lacksChunks(): Promise<boolean>;
  /** Returns the note of a committed part, after its errors are in place; undefined if there is no part. */
  committed(bundle: number): Promise<PartNote | undefined>;
  /**
   * Opens the staging of a bundle. `receives`: number of attempts at it, this one included. An attempt that exits
   * cleanly without a commit does not count: the bundle did not kill its process.
   */
  stage(bundle: number): Promise<{ readonly part: StagedPart; readonly receives: number }>;
  /** Writes the manifest and, for a complete job, `_SUCCESS`; then the staging is no longer needed. */
  finish(end: JobEnd, notes: readonly PartNote[]): Promise<void>;
}

/** Where `fabric run` lays its tree of results. Folders and files in it are named by keys: `<pipeline>/<anything>`. */
export interface RunOutput extends AsyncDisposable {
  /** A folder's path, or the URI of a bucket or a prefix. */
  readonly address: string;
  /** How a key is shown: its path, or its URI. */
  shown(key: string): string;
  /** Keeps other runs of a pipeline away, where that is needed, and removes temporary files that killed ones left. */
  lock(pipeline: string): Promise<AsyncDisposable>;
  /**
   * Returns those of some keys, all below a pipeline's own, at or below which there may be something. It looks once for
   * all of them: most runs of many inputs begin with nothing there.
   */
  occupied(pipeline: string, keys: readonly string[]): Promise<readonly string[]>;
  /** Checks the path of an answer or an explanation for a file that starts with `head`. */
  ownAt(key: string, head: string): Promise<OwnState>;
  /**
   * Finds a file that the fabric did not write in a folder without a recorded job. Returns its path below the folder,
   * `''` if the folder itself is a file. `name` is the folder's path below the pipeline's.
   */
  foreignIn(folder: string, name: string): Promise<string | undefined>;
  /** The job that a folder holds the results of, if any. */
  jobIn(folder: string): Promise<Job | undefined>;
  /** Where on this machine the uncompressed bytes of a compressed object's bundle go. */
  chunkPath(job: JobName, bundle: number): string;
  /** The results of a recorded job. */
  open(job: Job, folder: string): Promise<JobOutput>;
  /** Records a job, and opens its results. */
  record(job: Job, folder: string): Promise<JobOutput>;
  /**
   * Removes the staging of jobs, and the results of the recorded job in a folder, but no other files. Without a folder,
   * removes only the staging.
   */
  clear(folder: string | undefined, jobs: readonly JobName[]): Promise<void>;
  /** Writes the answer to an object that is one element by itself. */
  answer(key: string, text: string): Promise<void>;
  /** Removes one file or object that the fabric wrote, if it is there. */
  remove(key: string): Promise<void>;
}
