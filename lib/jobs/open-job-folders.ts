import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pipeline } from '../config/fabric.ts';
import { configDigest } from '../config/config-digest.ts';
import { shownJobId } from './job.ts';
import { JobFolder } from './job-folder.ts';
import { InputError, type LocalInput } from './local-inputs.ts';
import { inputId, planJob } from './plan-job.ts';

/** What to do with results that the folder already holds. */
export type ExistingResults = 'refuse' | 'resume' | 'overwrite';

export interface OpenJobFoldersOptions {
  readonly output: string;
  readonly pipeline: Pipeline;
  readonly pipelineName: string;
  readonly existing: ExistingResults;
  /** Only the first so many elements of each input. */
  readonly limit: number | undefined;
  readonly signal: AbortSignal;
}

/**
 * Makes sure, before anything is written, that no input's folder holds results that would be in the way.
 *
 * @throws InputError where one does.
 */
export async function refuseExisting(inputs: readonly LocalInput[], options: OpenJobFoldersOptions): Promise<void> {
  const { output, pipelineName, existing, pipeline } = options;
  for (const { name, kind } of inputs) {
    const path = join(output, pipelineName, kind === 'element' ? `${name}.json` : name);
    if (existing === 'refuse' && (await isThere(path))) throw alreadyThere(path);
    if (existing === 'resume' && kind !== 'element') await refuseOtherConfig(path, pipeline);
  }
}

function alreadyThere(path: string): InputError {
  return new InputError(`${path} already holds results: '--resume' goes on with them, '--overwrite' starts anew`);
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Parts of two configurations must not stand side by side as one job's. */
async function refuseOtherConfig(folder: string, pipeline: Pipeline): Promise<void> {
  const job = await JobFolder.jobIn(folder);
  if (job === undefined || job.config === configDigest(pipeline)) return;
  throw new InputError(`${folder} holds results of another configuration of this pipeline: '--overwrite' starts anew`);
}

/** Plans each input's job when its turn comes, and records the plan; objects that are one element each have none. */
export async function* openJobFolders(
  inputs: readonly LocalInput[],
  options: OpenJobFoldersOptions,
): AsyncGenerator<JobFolder> {
  for (const input of inputs) if (input.kind !== 'element') yield await openOne(input, options);
}

async function openOne(input: LocalInput, options: OpenJobFoldersOptions): Promise<JobFolder> {
  const { output, pipeline, pipelineName, existing, limit, signal } = options;
  const stagingOf = (id: string): string => join(output, '.fabric', id);
  const planOptions = {
    pipeline,
    pipelineName,
    signal,
    chunkPath: (id: string, bundle: number) => join(stagingOf(id), 'chunks', String(bundle)),
    ...(limit === undefined ? {} : { limit }),
  };
  const id = await inputId(input, planOptions);
  let path = join(output, pipelineName, input.name);
  const recorded = await JobFolder.jobIn(path);
  if (existing === 'resume' && recorded !== undefined && recorded.id !== id) {
    // The folder belongs to the job it holds: the file has been changed since.
    path = `${path}@${shownJobId(id)}`;
  }
  const own = existing === 'resume' ? await JobFolder.jobIn(path) : undefined;
  if (own !== undefined) return new JobFolder(own, path, stagingOf(own.id));
  if (existing === 'overwrite') await JobFolder.clear(path, stagingOf(recorded?.id ?? id));
  const job = await planJob(input, planOptions);
  const folder = new JobFolder(job, path, stagingOf(id));
  await folder.record();
  return folder;
}
