import { getText, type StoreOptions } from '../../stores/object-store.ts';
import { inParallel } from '../in-parallel.ts';
import { parseJob } from '../job.ts';
import { jobKey, type JobQueues, type RecordedJob } from '../job-record.ts';
import { folderNoteKey, JOB_FILE, STAGING } from '../output-layout.ts';
import type { OutputBucket } from '../fabric-ports.ts';

const READS_AT_ONCE = 32;

/** A job as its folder shows it. */
export interface ListedJob {
  readonly recorded: RecordedJob;
  /** Its parts that are there. */
  readonly parts: number;
  readonly recordedAt: Date;
}

/** The job whose folder this is, if it is one. */
export async function jobIn(
  folder: string,
  output: OutputBucket,
  options: StoreOptions = {},
): Promise<RecordedJob | undefined> {
  const { store, bucket } = output;
  const job = parseJob((await getText(store, { bucket, key: jobKey(folder) }, options))?.text ?? '');
  if (job === undefined) return undefined;
  const note = await getText(store, { bucket, key: folderNoteKey(job) }, options);
  const queues = note === undefined ? undefined : (JSON.parse(note.text) as { readonly queues?: JobQueues }).queues;
  return { job, folder, ...(queues === undefined ? {} : { queues }) };
}

/** The jobs whose folders lie below one, by one walk through all that lies there; `''` is the whole bucket. */
export async function listJobs(
  folder: string,
  output: OutputBucket,
  options: StoreOptions = {},
): Promise<readonly ListedJob[]> {
  const { store, bucket } = output;
  const prefix = folder === '' ? '' : `${folder}/`;
  const parts = new Map<string, number>();
  const folders: { readonly folder: string; readonly recordedAt: Date }[] = [];
  for await (const { key, lastModified } of store.list(bucket, prefix, options)) {
    if (key.startsWith(`${prefix}${STAGING}/`)) continue;
    const cut = key.lastIndexOf('/');
    const parent = key.slice(0, Math.max(cut, 0));
    const name = key.slice(cut + 1);
    if (name === JOB_FILE) folders.push({ folder: parent, recordedAt: lastModified });
    if (/^part-\d+-of-\d+\.jsonl$/.test(name)) parts.set(parent, (parts.get(parent) ?? 0) + 1);
  }
  const jobs = await inParallel(
    folders,
    READS_AT_ONCE,
    async ({ folder: found, recordedAt }): Promise<ListedJob | undefined> => {
      const text = await getText(store, { bucket, key: jobKey(found) }, options);
      const job = parseJob(text?.text ?? '');
      return job && { recorded: { job, folder: found }, parts: parts.get(found) ?? 0, recordedAt };
    },
  );
  return jobs.filter((job) => job !== undefined);
}
