import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { writeAtomically } from '../../stores/atomic-file.ts';
import { pathOfKey } from '../../stores/file-names.ts';
import { lockFolder } from '../../stores/folder-lock.ts';
import { removeLeftFiles } from '../../stores/left-files.ts';
import type { Job } from '../job.ts';
import { findForeign, ownState } from './foreign-files.ts';
import { JobFolder } from './job-folder.ts';
import { localContents, startOf } from './local-contents.ts';
import { STAGING, stagingOf } from '../output-layout.ts';
import type { RunOutput } from './run-output.ts';

/** A folder for results. One process at a time writes to a pipeline's folder in it. */
export function folderOutput(path: string): RunOutput {
  const address = resolve(path);
  const place = (key: string): string => pathOfKey(address, key);
  const open = async (job: Job, folder: string): Promise<JobFolder> =>
    new JobFolder(job, place(folder), place(stagingOf(job.id)));
  return {
    address,
    shown: place,
    async lock(pipeline) {
      const lock = await lockFolder(place(`${STAGING}/${pipeline}.lock`));
      for (const key of [pipeline, `_rejected/${pipeline}`]) await removeLeftFiles(place(key));
      return lock;
    },
    ownAt: (key, head) => ownState(head, (bytes) => startOf(place(key), bytes)),
    foreignIn: (folder, name) => findForeign(localContents(place(folder)), name),
    jobIn: (folder) => JobFolder.jobIn(place(folder)),
    chunkPath: (job, bundle) => place(`${stagingOf(job)}/chunks/${bundle}`),
    open,
    async record(job, folder) {
      const recorded = await open(job, folder);
      await recorded.record();
      return recorded;
    },
    async clear(folder, jobs) {
      // Notes are removed first: a part without a note does not count.
      for (const job of jobs) await rm(place(stagingOf(job)), { recursive: true, force: true });
      if (folder !== undefined) await JobFolder.clear(place(folder));
    },
    answer: (key, text) => writeAtomically(place(key), text),
    remove: (key) => rm(place(key), { force: true }),
    async [Symbol.asyncDispose]() {},
  };
}
