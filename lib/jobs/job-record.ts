import { FabricError } from '../errors.ts';
import { getText, type StoreOptions } from '../stores/object-store.ts';
import { type Job, parseJob, shownJobId } from './job.ts';
import { folderNoteKey, isResultPath, JOB_FILE, type JobName } from './output-layout.ts';
import type { OutputBucket } from './fabric-ports.ts';

/** The URLs of the queues that serve a job, for those who have only the output bucket: `fabric redrive`. */
export interface JobQueues {
  readonly bundles: string;
  readonly finalizer: string;
}

/** A job and where its results go. */
export interface RecordedJob {
  readonly job: Job;
  /** `<pipeline>/<anything>`, or `<pipeline>/<anything>@<12 digits>` where another job had that folder first. */
  readonly folder: string;
  readonly queues?: JobQueues;
}

/** What stands at `folderNoteKey`: it alone says which folder is a job's. */
type FolderNote = Pick<RecordedJob, 'folder' | 'queues'>;

export interface RecordJobOptions extends StoreOptions {
  readonly queues?: JobQueues | undefined;
}

/** The object key of a job's recorded plan. */
export function jobKey(folder: string): string {
  return `${folder}/${JOB_FILE}`;
}

/**
 * Records a job once: the first plan that is put in its folder stays, whoever comes with another one, and a folder stays
 * the job's whose plan it holds.
 *
 * @returns what is recorded, which may be another's plan of the same job.
 */
export async function recordJob(job: Job, output: OutputBucket, options: RecordJobOptions = {}): Promise<RecordedJob> {
  const { queues, signal } = options;
  const noted = await readNote(job, output, options);
  const folder = await takeFolder(job, noted?.folder, output, options);
  if (noted === undefined) {
    const note: FolderNote = { folder, ...(queues === undefined ? {} : { queues }) };
    const address = { bucket: output.bucket, key: folderNoteKey(job) };
    // Of two runs that took two folders, as when one was emptied in between, the first note decides.
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
  const job = await readJob(note.folder, output, options);
  return job?.id === name.id && job.pipeline === name.pipeline ? { job, ...note } : undefined;
}

/**
 * Puts the plan in the first folder that is free or holds this job already; `noted` is the folder that the job has. A
 * folder with objects at the paths of results, but no recorded job, is taken: the fabric must not replace them.
 */
async function takeFolder(
  job: Job,
  noted: string | undefined,
  output: OutputBucket,
  { signal }: StoreOptions,
): Promise<string> {
  const folders = noted === undefined ? foldersFor(job) : [noted];
  for (const folder of folders) {
    const isOthers = folder !== noted && (await holdsResults(folder, output, { signal }));
    const address = { bucket: output.bucket, key: jobKey(folder) };
    const options = { only: 'absent', contentType: 'application/json', signal } as const;
    if (!isOthers && (await output.store.put(address, `${JSON.stringify(job)}\n`, options)) !== undefined)
      return folder;
    const there = await readJob(folder, output, { signal });
    if (there?.id === job.id) return folder;
  }
  throw new FabricError(
    'FOLDER_TAKEN',
    `Cannot record job ${job.id}: ${folders.join(' and ')} hold other jobs, or objects of others`,
  );
}

/** The folders that a job may have, the one to try first first. */
function foldersFor({ id, pipeline, name }: Job): readonly string[] {
  const first = `${pipeline}/${name}`;
  // The last one nobody else can have: another object may be called as the second.
  const beside = [`${first}@${shownJobId(id)}`, `${first}@${id}`];
  // In `a/errors`, parts would be in the place of the errors of an object called `a`, which may be there or come.
  return name.endsWith('/errors') ? beside : [first, ...beside];
}

/**
 * Returns whether there is an object that the results of a job in a folder would replace. A new job's folder is empty
 * except for results of other jobs below it, so this is one request.
 */
async function holdsResults(folder: string, { store, bucket }: OutputBucket, options: StoreOptions): Promise<boolean> {
  for await (const { key } of store.list(bucket, `${folder}/`, options)) {
    const path = key.slice(folder.length + 1);
    if (isResultPath(path) && path !== JOB_FILE) return true;
  }
  return false;
}

/** Reads the plan in a folder; undefined if there is no such object, or if it is not a plan. */
async function readJob(folder: string, output: OutputBucket, options: StoreOptions): Promise<Job | undefined> {
  const found = await getText(output.store, { bucket: output.bucket, key: jobKey(folder) }, options);
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
