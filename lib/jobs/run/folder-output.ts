import { access, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { writeAtomically } from '../../stores/atomic-file.ts';
import { pathOfKey } from '../../stores/file-names.ts';
import { lockFolder } from '../../stores/folder-lock.ts';
import { isMissing } from '../../stores/system-errors.ts';
import { removeLeftFiles } from '../../stores/left-files.ts';
import type { Job } from '../job.ts';
import { findForeign, ownState } from './foreign-files.ts';
import { JobFolder } from './job-folder.ts';
import { localContents, startOf } from './local-contents.ts';
import { FOLDER_NAMES, type FolderNames, isWrittenName } from '../part-names.ts';
import { chunkKey, earlierStagingOf, type JobName, STAGING, stagingOf } from '../output-layout.ts';
import type { RunOutput } from './run-output.ts';

/** A folder for results. One process at a time writes to a pipeline's folder in it. */
export function folderOutput(path: string): RunOutput {
  const address = resolve(path);
  const place = (key: string): string => pathOfKey(address, key);
  const stagings = (job: JobName): readonly string[] =>
    [stagingOf(job), earlierStagingOf(job.id) ?? []].flat().map(place);
  const openWith = async (job: Job, folder: string, names: FolderNames): Promise<JobFolder> => {
    const [staging = '', earlier] = stagings(job);
    if (earlier !== undefined) await takeOver(earlier, staging);
    return new JobFolder({ job, folder: place(folder), names, staging });
  };
  return {
    address,
    shown: place,
    async lock(pipeline) {
      const lock = await lockFolder(place(`${STAGING}/${pipeline}.lock`));
      for (const key of [pipeline, `_rejected/${pipeline}`]) await removeLeftFiles(place(key), isWrittenName);
      return lock;
    },
    async occupied(pipeline, keys) {
      const names = await namesIn(place(pipeline));
      if (names === undefined) return keys;
      if (names.size === 0) return [];
      const first = (key: string): string => place(key.split('/').slice(0, 2).join('/'));
      return keys.filter((key) => names.has(anyCase(basename(first(key)))));
    },
    ownAt: (key, head) => ownState(head, (bytes) => startOf(place(key), bytes)),
    foreignIn: (folder, name) => findForeign(localContents(place(folder)), name),
    jobIn: async (folder) => (await JobFolder.planIn(place(folder)))?.job,
    chunkPath: (job, bundle) => place(chunkKey(job, bundle)),
    open: async (job, folder) => openWith(job, folder, (await JobFolder.planIn(place(folder)))?.names ?? FOLDER_NAMES),
    async record(job, folder) {
      const recorded = await openWith(job, folder, FOLDER_NAMES);
      await recorded.record();
      return recorded;
    },
    async clear(folder, jobs) {
      // Notes are removed first: a part without a note does not count.
      for (const path of jobs.flatMap(stagings)) await rm(path, { recursive: true, force: true });
      if (folder !== undefined) await JobFolder.clear(place(folder));
    },
    answer: (key, text) => writeAtomically(place(key), text),
    remove: (key) => rm(place(key), { force: true }),
    async [Symbol.asyncDispose]() {},
  };
}

/** Moves what a run of an earlier version left staged, so that this one goes on with it. */
async function takeOver(earlier: string, staging: string): Promise<void> {
  if (!(await isThere(earlier)) || (await isThere(staging))) return;
  await mkdir(dirname(staging), { recursive: true });
  await rename(earlier, staging);
}

/** Names in a folder, in any case; none if it is missing, undefined if it can't be listed. */
async function namesIn(folder: string): Promise<ReadonlySet<string> | undefined> {
  try {
    return new Set((await readdir(folder)).map(anyCase));
  } catch (error) {
    return isMissing(error) ? new Set() : undefined;
  }
}

/** Some file systems take names that differ in case, or in the form of their accents, for the same. */
function anyCase(name: string): string {
  return name.normalize('NFKD').toLowerCase().toUpperCase();
}

async function isThere(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
