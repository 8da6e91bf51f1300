import type { Pipeline } from '../../config/pipeline.ts';
import { configDigest } from '../../config/config-digest.ts';
import { codeOf } from '../../stores/system-errors.ts';
import { inParallel } from '../in-parallel.ts';
import { isLimited, type Job, shownJobId } from '../job.ts';
import { answerHead, answerKey } from '../output-layout.ts';
import { isErrorsFolder } from '../part-names.ts';
import { foreignFile, foreignFolder, looseId } from './foreign-files.ts';
import { inputId, planJob } from './plan-job.ts';
import { haveSameChunks } from './chunks.ts';
import { acceptInput, type RejectedInput, rejectInput } from './reject-input.ts';
import { InputError, otherConfig, type RunInput } from './run-input.ts';
import type { JobOutput, RunOutput } from './run-output.ts';
import { identified, UnreadableInputError } from './unreadable-input.ts';

/** Inputs whose places are looked at at once, which takes requests where they are in S3. */
const LOOKS_AT_ONCE = 16;
/** Jobs that are opened together, if the one before them was small. */
const OPEN_AHEAD = 8;

/** Treatment of results that the folder already holds. */
export type ExistingResults = 'refuse' | 'resume' | 'overwrite';

export interface OpenJobFoldersOptions {
  readonly output: RunOutput;
  readonly pipeline: Pipeline;
  readonly pipelineName: string;
  readonly existing: ExistingResults;
  /** Maximum number of elements of each input, from the first on. */
  readonly limit: number | undefined;
  readonly signal: AbortSignal;
  /** Told what share of an input is grouped by key, from 0 to 1. */
  readonly onGrouping?: (name: string, share: number) => void;
  /** Called with what happens to earlier results if no option asked for it explicitly. */
  readonly onNotice?: (message: string) => void;
  /** Called for each input that can't be run, once it is explained in `_rejected/`. @default the first one is thrown */
  readonly onRejected?: (rejected: RejectedInput) => void;
}

/**
 * Makes sure, before anything is written, that no input's folder holds results that would be in the way.
 *
 * @throws InputError where one does.
 */
export async function refuseExisting(inputs: readonly RunInput[], options: OpenJobFoldersOptions): Promise<void> {
  const { output, pipelineName } = options;
  const byKey = new Map(
    inputs.flatMap((input) => (input.kind === 'rejected' ? [] : [[resultsKey(pipelineName, input), input] as const])),
  );
  const keys = await output.occupied(pipelineName, [...byKey.keys()]);
  const inTheWay = keys.flatMap((key) => byKey.get(key) ?? []);
  await inParallel(inTheWay, LOOKS_AT_ONCE, (input) =>
    input.kind === 'element' ? refuseAnswer(input, options) : refuseFolder(input, options),
  );
}

/** Returns the key of an input's folder of results, or of its answer. */
function resultsKey(pipelineName: string, { kind, name }: RunInput): string {
  return kind === 'element' ? answerKey(pipelineName, name) : `${pipelineName}/${name}`;
}

async function refuseAnswer({ name }: RunInput, options: OpenJobFoldersOptions): Promise<void> {
  const { output, pipelineName, existing } = options;
  const key = answerKey(pipelineName, name);
  const state = await output.ownAt(key, answerHead(looseId(name)));
  if (state === 'foreign') throw foreignFile(output.shown(key));
  if (state === 'own' && existing === 'refuse') throw alreadyThere(output.shown(key));
}

async function refuseFolder(input: RunInput, options: OpenJobFoldersOptions): Promise<void> {
  const { output, existing, pipeline } = options;
  const place = await findPlace(input, options).catch(unlessUnreadable);
  if (place === undefined) return;
  const { folder, recorded, use } = place;
  if (recorded === undefined) {
    const path = await output.foreignIn(folder, input.name);
    if (path !== undefined) throw foreignFolder(output.shown(folder), path);
  } else if (use === 'none') {
    throw alreadyThere(output.shown(folder));
  } else if (use === 'continue' && existing === 'resume' && recorded.config !== configDigest(pipeline)) {
    throw otherConfig(output.shown(folder));
  }
}

/** Ignores an input that can't be read: it is rejected when its turn comes. */
function unlessUnreadable(error: unknown): undefined {
  if (!(error instanceof UnreadableInputError)) throw error;
}

function alreadyThere(path: string): InputError {
  return new InputError(
    `${path} already holds results: '--resume' continues them, '--overwrite' removes them and starts from scratch`,
  );
}

/** Folder of an input's results, the job that is recorded there, and what to do with that job. */
interface Place {
  readonly id: string;
  readonly folder: string;
  readonly recorded: Job | undefined;
  readonly use: 'none' | 'continue' | 'replace';
  /** Folder with the results of the earlier version of the source. */
  readonly besides?: string;
}

/**
 * Finds the folder for an input's results. A folder belongs to the job in it: if the file has changed since, its new
 * job gets a folder beside it. A sample ('--limit') is replaced by any other run.
 */
async function findPlace(input: RunInput, options: OpenJobFoldersOptions): Promise<Place> {
  const { output, pipelineName, existing } = options;
  const id = await identified(input, () => inputId(input, options));
  const first = `${pipelineName}/${input.name}`;
  const beside = `${first}@${shownJobId(id)}`;
  // In `a/_errors`, parts would be mixed with the failures of an input named `a`.
  const folder = input.name.includes('/') && isErrorsFolder(input.name) ? beside : first;
  const recorded = await output.jobIn(folder);
  if (recorded === undefined) return { id, folder, recorded, use: 'continue' };
  if (existing === 'overwrite') return { id, folder, recorded, use: 'replace' };
  if (existing === 'resume' && (await isSameJob(recorded, { id, input }, options))) {
    return { id, folder, recorded, use: 'continue' };
  }
  if (isLimited(recorded)) return { id, folder, recorded, use: 'replace' };
  if (existing === 'refuse') return { id, folder, recorded, use: 'none' };
  return { id, folder: beside, recorded: await output.jobIn(beside), use: 'continue', besides: folder };
}

/** Returns whether a run does the same as a recorded job. A limit above the size of the source makes no difference. */
async function isSameJob(
  { id: recorded, source }: Job,
  { id, input }: { readonly id: string; readonly input: RunInput },
  { pipelineName, limit = Infinity }: OpenJobFoldersOptions,
): Promise<boolean> {
  if (recorded === id) return true;
  if (source.isWhole !== true || source.limit === undefined || limit < source.limit) return false;
  return recorded === (await inputId(input, { pipelineName, limit: source.limit }));
}

/**
 * Plans each input's job when its turn comes, and records the plan; objects that are one element each have no
 * plan. An input that can't be planned is rejected, and the others go on. After a job of a small file, the next ones are
 * planned together: each of them waits for the file system several times.
 */
export async function* openJobFolders(
  inputs: readonly RunInput[],
  options: OpenJobFoldersOptions,
): AsyncGenerator<JobOutput> {
  const waiting = inputs.filter(({ kind }) => kind !== 'element');
  const opening: Promise<JobOutput | RejectedInput>[] = [];
  let opened = 0;
  let ahead = 1;
  try {
    for (;;) {
      for (const input of waiting.slice(opened, opened + Math.max(0, ahead - opening.length))) {
        opening.push(open(input, options));
        opened += 1;
      }
      const next = await opening.shift();
      if (next === undefined) return;
      if (isRejected(next)) options.onRejected?.(next);
      else {
        ahead = isSmall(next.job) ? OPEN_AHEAD : 1;
        yield next;
      }
    }
  } finally {
    await Promise.allSettled(opening);
  }
}

/** Begins to open an input. It is awaited in its turn; until then a rejection must not count as unhandled. */
function open(input: RunInput, options: OpenJobFoldersOptions): Promise<JobOutput | RejectedInput> {
  const opened = openUnlessRejected(input, options);
  opened.catch(() => {});
  return opened;
}

function isRejected(opened: JobOutput | RejectedInput): opened is RejectedInput {
  return 'reason' in opened;
}

/** Returns whether a job took little time to plan: its one bundle was neither decompressed nor sorted. */
function isSmall({ of, plan }: Job): boolean {
  return of <= 1 && (plan.kind !== 'object' || !plan.chunked);
}

async function openUnlessRejected(input: RunInput, options: OpenJobFoldersOptions): Promise<JobOutput | RejectedInput> {
  const { output, pipelineName, onRejected } = options;
  try {
    if (input.kind === 'rejected') throw new UnreadableInputError(input.uri, input.failure.message);
    const opened = await openOne(input, options);
    await acceptInput(input, { output, pipelineName });
    return opened;
  } catch (error) {
    const reason = reasonToReject(error);
    if (onRejected === undefined || reason === undefined) throw error;
    await rejectInput(input, reason, { output, pipelineName });
    return { input: input.uri, reason };
  }
}

/** Returns why to reject the input; undefined if the error must end the run. */
function reasonToReject(error: unknown): string | undefined {
  if (error instanceof UnreadableInputError) return error.reason;
  // Errors of reading are UnreadableInputErrors, so this one is about the path of the results.
  return codeOf(error) === 'ENAMETOOLONG'
    ? "the path of its results is longer than the file system's limit"
    : undefined;
}

async function openOne(input: RunInput, options: OpenJobFoldersOptions): Promise<JobOutput> {
  const { output, existing, pipelineName: pipeline } = options;
  const planOptions = {
    ...options,
    chunkPath: (job: string, bundle: number) => output.chunkPath({ pipeline, id: job }, bundle),
  };
  const place = await findPlace(input, options);
  const { id, folder, recorded, use } = place;
  if (existing === 'resume' && recorded !== undefined && use === 'continue') {
    const results = await output.open(recorded, folder);
    if (await results.lacksChunks()) refuseOther(results, await planJob(input, planOptions));
    return results;
  }
  reportEarlier(place, input, options);
  if (use === 'replace' || existing === 'overwrite') {
    const jobs = [id, recorded?.id ?? id].map((job) => ({ pipeline, id: job }));
    await output.clear(recorded === undefined ? undefined : folder, jobs);
  }
  const planned = await planJob(input, { ...planOptions, id });
  const results = await output.record(planned, folder);
  refuseOther(results, planned);
  return results;
}

/** Reports which earlier results are replaced, or kept beside the new ones. */
function reportEarlier(
  { folder, recorded, use, besides }: Place,
  { uri }: RunInput,
  { output, existing, limit, onNotice }: OpenJobFoldersOptions,
): void {
  if (besides !== undefined) {
    const why =
      limit === undefined ? `${uri} has changed` : `${uri} has changed, or was run without '--limit ${limit}'`;
    onNotice?.(`${why} since the results in ${output.shown(besides)}: new results go to ${output.shown(folder)}`);
  } else if (use === 'replace' && existing !== 'overwrite') {
    onNotice?.(
      `replacing ${output.shown(folder)}, which holds only the first elements (--limit ${recorded?.source.limit})`,
    );
  }
}

/**
 * Planning again cuts the same chunks, for it is the same file, unless another version of the code did it: their elements
 * would be others than those of the parts that are there.
 */
function refuseOther({ job, folder }: JobOutput, planned: Job): void {
  if (haveSameChunks(job, planned)) return;
  throw new InputError(
    `the results in ${folder} are of bundles that another version of inference-fabric cut at other places; '--overwrite' removes them and starts from scratch`,
  );
}
