import { FabricError } from '../errors.ts';
import { getText, type StoreOptions } from '../stores/object-store.ts';
import { type Job, parseJob, shownJobId } from './job.ts';
import { folderNoteKey, isResultPath, jobKey, type JobName, type ResultsFolder } from './output-layout.ts';
import { ALL_FOLDER_NAMES, EARLIER_NAMES, FOLDER_NAMES, type FolderNames, isErrorsFolder } from './part-names.ts';
import type { OutputAccess, OutputBucket } from './fabric-ports.ts';

/** The URLs of the queues that serve a job, for those who have only the output bucket: `fabric redrive`. */
export interface JobQueues {
  readonly bundles: string;
  readonly finalizer: string;
}

/** A job and where its results go. */
export interface RecordedJob extends ResultsFolder {
  readonly job: Job;
  readonly queues?: JobQueues;
}

/** Content of the object at `folderNoteKey`, which alone decides which folder a job has. */
type FolderNote = Pick<RecordedJob, 'folder' | 'queues'>;

export interface RecordJobOptions extends StoreOptions {
  readonly queues?: JobQueues | undefined;
}

/**
 * Records a job once: the first plan that is put in its folder stays, and the folder belongs to the job whose plan it
 * holds.
 *
 * @returns what is recorded, which may be another's plan of the same job.
 */
export async function recordJob(job: Job, output: OutputBucket, options: RecordJobOptions = {}): Promise<RecordedJob> {
  const { queues, signal } = options;
  const noted = await readNote(job, output, options);
  const folder = await claimFolder(job, noted?.folder, { ...output, signal });
  if (noted === undefined) {
    const note: FolderNote = { folder, ...(queues === undefined ? {} : { queues }) };
    const address = { bucket: output.bucket, key: folderNoteKey(job) };
    // Two runs can take two folders, as when one was emptied in between: the first note decides.
    await output.store.put(address, JSON.stringify(note), { only: 'absent', signal });
  }
  const found = await findJob(job, output, options);
  if (found !== undefined) return found;
  throw new FabricError('JOB_NOT_RECORDED', `the record of job ${job.id} in ${folder} is gone`, {
    disposition: 'retry',
  });
}

/** Finds a recorded job by its name; undefined if there is no such job. */
export async function findJob(
  name: JobName,
  output: OutputBucket,
  options: StoreOptions = {},
): Promise<RecordedJob | undefined> {
  const note = await readNote(name, output, options);
  if (note === undefined) return undefined;
  const recorded = await readRecord(note.folder, output, options);
  const isSame = recorded?.job.id === name.id && recorded.job.pipeline === name.pipeline;
  return isSame ? { ...recorded, ...note } : undefined;
}

/**
 * Puts the plan in the first folder that is free or holds this job already; `noted` is the folder that the job has. A
 * folder with objects at the paths of results, but no recorded job, is taken: the fabric must not replace them. The same
 * holds for a folder with a plan under its earlier name, which keeps its names.
 */
async function claimFolder(job: Job, noted: string | undefined, output: OutputAccess): Promise<string> {
  const { signal } = output;
  const folders = noted === undefined ? foldersFor(job) : [noted];
  for (const folder of folders) {
    const holds = folder === noted ? holdsEarlierPlan : holdsResults;
    const isTaken = await holds(folder, output, { signal });
    const address = { bucket: output.bucket, key: jobKey({ folder, names: FOLDER_NAMES }) };
    const options = { only: 'absent', contentType: 'application/json', signal } as const;
    if (!isTaken && (await output.store.put(address, `${JSON.stringify(job)}\n`, options)) !== undefined) return folder;
    const there = await readRecord(folder, output, { signal });
    if (there?.job.id === job.id) return folder;
  }
  throw new FabricError(
    'FOLDER_TAKEN',
    `Cannot record job ${job.id}: ${folders.join(' and ')} hold other jobs, or objects of others`,
  );
}

/** The folders that a job may have, the one to try first first. */
function foldersFor({ id, pipeline, name }: Job): readonly string[] {
  const first = `${pipeline}/${name}`;
  // No other object can have the last one; one can have the name of the second.
  const beside = [`${first}@${shownJobId(id)}`, `${first}@${id}`];
  // In `a/errors`, parts would be in the place of the errors of an object called `a`, which may be there or come.
  return name.includes('/') && isErrorsFolder(name) ? beside : [first, ...beside];
}

/**
 * Returns whether there is an object that the results of a job in a folder would replace, or a job of an earlier version.
 * A new job's folder is empty except for results of other jobs below it, so this is one request.
 */
async function holdsResults(folder: string, output: OutputBucket, options: StoreOptions): Promise<boolean> {
  for await (const { key } of output.store.list(output.bucket, `${folder}/`, options)) {
    const path = key.slice(folder.length + 1);
    if (isResultPath(path, FOLDER_NAMES) && path !== FOLDER_NAMES.job) return true;
    if (path === EARLIER_NAMES.job && (await holdsEarlierPlan(folder, output, options))) return true;
  }
  return false;
}

async function holdsEarlierPlan(folder: string, output: OutputBucket, options: StoreOptions): Promise<boolean> {
  return (await planNamed(EARLIER_NAMES, folder, { ...output, ...options })) !== undefined;
}

/** Reads the plan in a folder; undefined if there is no such object, or if it is not a plan. */
export async function readRecord(
  folder: string,
  output: OutputBucket,
  options: StoreOptions = {},
): Promise<RecordedJob | undefined> {
  for (const names of ALL_FOLDER_NAMES) {
    const job = await planNamed(names, folder, { ...output, ...options });
    if (job !== undefined) return { job, folder, names };
  }
  return undefined;
}

async function planNamed(
  names: FolderNames,
  folder: string,
  { store, bucket, ...options }: OutputAccess,
): Promise<Job | undefined> {
  const found = await getText(store, { bucket, key: jobKey({ folder, names }) }, options);
  return found === undefined ? undefined : parseJob(found.text);
}

/**
 * Reads the note on a job's folder. The pipeline's own role can write it, and the finalizer, which reads it, reaches all
 * pipelines: a folder of another pipeline is ignored.
 */
async function readNote(name: JobName, output: OutputBucket, options: StoreOptions): Promise<FolderNote | undefined> {
  const found = await getText(output.store, { bucket: output.bucket, key: folderNoteKey(name) }, options);
  const note = found === undefined ? undefined : (JSON.parse(found.text) as FolderNote);
  return note?.folder.startsWith(`${name.pipeline}/`) === true ? note : undefined;
}
