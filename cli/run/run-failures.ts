import { basename, dirname } from 'node:path';
import { describeError } from '../../lib/errors.ts';
import { FailureGroups } from '../../lib/jobs/report/failure-groups.ts';
import { addJobFailures } from '../../lib/jobs/report/read-failure-groups.ts';
import type { JobResult } from '../../lib/jobs/run/run-jobs.ts';
import type { LooseResult } from '../../lib/jobs/run/run-loose-elements.ts';
import { openFileObjectStore } from '../../lib/stores/file-object-store.ts';
import type { ObjectStore } from '../../lib/stores/object-store.ts';
import { parseS3Uri, sharedS3Store } from '../../lib/stores/open-source.ts';
import { logLine } from '../log-line.ts';

/**
 * Groups the failures of a run by reason. If they can't be read, reports that, and the summary omits them.
 *
 * @throws the signal's reason.
 */
export async function groupRunFailures(...work: Parameters<typeof groupFailures>): Promise<FailureGroups> {
  try {
    return await groupFailures(...work);
  } catch (error) {
    work[2]?.throwIfAborted();
    logLine(`the reasons of failures can't be read: ${describeError(error).message}`);
    return new FailureGroups();
  }
}

/** Groups the failures, including those in parts that an earlier run committed. */
async function groupFailures(
  results: readonly Pick<JobResult, 'job' | 'folder' | 'names' | 'notes'>[],
  loose: readonly Pick<LooseResult, 'failure'>[],
  signal?: AbortSignal,
): Promise<FailureGroups> {
  const groups = new FailureGroups();
  for (const { job, folder, names, notes } of results) {
    if (notes.every(({ elements, succeeded }) => elements === succeeded)) continue;
    signal?.throwIfAborted();
    const { store, bucket, key } = await locate(folder);
    await addJobFailures(groups, { job, folder: key, names }, { store, bucket, signal });
  }
  for (const { failure } of loose) if (failure !== undefined) groups.add(failure);
  return groups;
}

/** Returns the object store of a folder of results, and its address there. */
async function locate(
  folder: string,
): Promise<{ readonly store: ObjectStore; readonly bucket: string; readonly key: string }> {
  const address = parseS3Uri(folder);
  if (address !== undefined) return { store: await sharedS3Store(), ...address };
  const above = dirname(folder);
  return { store: openFileObjectStore(dirname(above)), bucket: basename(above), key: basename(folder) };
}
