import type { Pipeline } from '../../config/fabric.ts';
import { configDigest } from '../../config/config-digest.ts';
import { inParallel } from '../in-parallel.ts';
import { type Job, shownJobId } from '../job.ts';
import { answerKey } from '../output-layout.ts';
import { inputId, planJob } from './plan-job.ts';
import { haveSameChunks } from './chunks.ts';
import { InputError, otherConfig, type RunInput } from './run-input.ts';
import type { JobOutput, RunOutput } from './run-output.ts';

/** Inputs whose places are looked at at once, which takes requests where they are in S3. */
const LOOKS_AT_ONCE = 16;

/** What to do with results that the folder already holds. */
export type ExistingResults = 'refuse' | 'resume' | 'overwrite';

export interface OpenJobFoldersOptions {
  readonly output: RunOutput;
  readonly pipeline: Pipeline;
  readonly pipelineName: string;
  readonly existing: ExistingResults;
  /** Only the first so many elements of each input. */
  readonly limit: number | undefined;
  readonly signal: AbortSignal;
  /** Told what share of an input is grouped by key, from 0 to 1. */
  readonly onGrouping?: (name: string, share: number) => void;
}

/**
 * Makes sure, before anything is written, that no input's folder holds results that would be in the way.
 *
 * @throws InputError where one does.
 */
export async function refuseExisting(inputs: readonly RunInput[], options: OpenJobFoldersOptions): Promise<void> {
  const { output, pipelineName, existing, pipeline } = options;
  await inParallel(inputs, LOOKS_AT_ONCE, async (input) => {
    if (existing === 'refuse') {
      const key = input.kind === 'element' ? answerKey(pipelineName, input.name) : `${pipelineName}/${input.name}`;
      if (await output.isThere(key)) throw alreadyThere(output.shown(key));
    }
    if (existing === 'resume' && input.kind !== 'element') {
      const { folder, recorded } = await findPlace(input, options);
      if (recorded !== undefined && recorded.config !== configDigest(pipeline)) throw otherConfig(output.shown(folder));
    }
  });
}

function alreadyThere(path: string): InputError {
  return new InputError(`${path} already holds results: '--resume' goes on with them, '--overwrite' starts anew`);
}

/** Where an input's results go, and the job that is recorded there. */
interface Place {
  readonly id: string;
  readonly folder: string;
  readonly recorded: Job | undefined;
}

/** A folder belongs to the job it holds: that of a file that has been changed since goes beside it. */
async function findPlace(input: RunInput, options: OpenJobFoldersOptions): Promise<Place> {
  const { output, pipelineName, existing } = options;
  const id = await inputId(input, options);
  const folder = `${pipelineName}/${input.name}`;
  const recorded = await output.jobIn(folder);
  if (existing !== 'resume' || recorded === undefined || recorded.id === id) return { id, folder, recorded };
  const beside = `${folder}@${shownJobId(id)}`;
  return { id, folder: beside, recorded: await output.jobIn(beside) };
}

/** Plans each input's job when its turn comes, and records the plan; objects that are one element each have none. */
export async function* openJobFolders(
  inputs: readonly RunInput[],
  options: OpenJobFoldersOptions,
): AsyncGenerator<JobOutput> {
  for (const input of inputs) if (input.kind !== 'element') yield await openOne(input, options);
}

async function openOne(input: RunInput, options: OpenJobFoldersOptions): Promise<JobOutput> {
  const { output, existing } = options;
  const planOptions = { ...options, chunkPath: (id: string, bundle: number) => output.chunkPath(id, bundle) };
  const { id, folder, recorded } = await findPlace(input, options);
  if (existing === 'resume' && recorded !== undefined) {
    const results = await output.open(recorded, folder);
    if (await results.lacksChunks()) refuseOther(results, await planJob(input, planOptions));
    return results;
  }
  if (existing === 'overwrite') await output.clear(folder, [id, recorded?.id ?? id]);
  const planned = await planJob(input, planOptions);
  const results = await output.record(planned, folder);
  refuseOther(results, planned);
  return results;
}

/**
 * Planning again cuts the same chunks, for it is the same file, unless another version of the code did it: their elements
 * would be others than those of the parts that are there.
 */
function refuseOther({ job, folder }: JobOutput, planned: Job): void {
  if (haveSameChunks(job, planned)) return;
  throw new InputError(
    `the results in ${folder} are of bundles that another version of inference-fabric cut otherwise; '--overwrite' starts anew`,
  );
}
