import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pipeline } from '../config/fabric.ts';
import { configDigest } from '../config/config-digest.ts';
import { type Job, shownJobId } from './job.ts';
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
  for (const input of inputs) {
    if (existing === 'refuse') {
      const path = join(output, pipelineName, input.kind === 'element' ? `${input.name}.json` : input.name);
      if (await isThere(path)) throw alreadyThere(path);
    }
    if (existing === 'resume' && input.kind !== 'element') refuseOtherConfig(await findPlace(input, options), pipeline);
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
function refuseOtherConfig({ path, recorded }: Place, pipeline: Pipeline): void {
  if (recorded === undefined || recorded.config === configDigest(pipeline)) return;
  throw new InputError(`${path} holds results of another configuration of this pipeline: '--overwrite' starts anew`);
}

/** Where an input's results go, and the job that is recorded there. */
interface Place {
  readonly id: string;
  readonly path: string;
  readonly recorded: Job | undefined;
}

/** A folder belongs to the job it holds: that of a file that has been changed since goes beside it. */
async function findPlace(input: LocalInput, options: OpenJobFoldersOptions): Promise<Place> {
  const { output, pipelineName, existing } = options;
  const id = await inputId(input, options);
  const path = join(output, pipelineName, input.name);
  const recorded = await JobFolder.jobIn(path);
  if (existing !== 'resume' || recorded === undefined || recorded.id === id) return { id, path, recorded };
  const beside = `${path}@${shownJobId(id)}`;
  return { id, path: beside, recorded: await JobFolder.jobIn(beside) };
}

/** Plans each input's job when its turn comes, and records the plan; objects that are one element each have none. */
export async function* openJobFolders(
  inputs: readonly LocalInput[],
  options: OpenJobFoldersOptions,
): AsyncGenerator<JobFolder> {
  for (const input of inputs) if (input.kind !== 'element') yield await openOne(input, options);
}

async function openOne(input: LocalInput, options: OpenJobFoldersOptions): Promise<JobFolder> {
  const { output, existing } = options;
  const stagingOf = (id: string): string => join(output, '.fabric', id);
  const planOptions = {
    ...options,
    chunkPath: (id: string, bundle: number) => join(stagingOf(id), 'chunks', String(bundle)),
  };
  const { id, path, recorded } = await findPlace(input, options);
  if (existing === 'resume' && recorded !== undefined) {
    const folder = new JobFolder(recorded, path, stagingOf(id));
    // Planning again cuts the same chunks, for it is the same file.
    if (await folder.lacksChunks()) await planJob(input, planOptions);
    return folder;
  }
  if (existing === 'overwrite') await JobFolder.clear(path, [stagingOf(id), stagingOf(recorded?.id ?? id)]);
  const job = await planJob(input, planOptions);
  const folder = new JobFolder(job, path, stagingOf(id));
  await folder.record();
  return folder;
}
