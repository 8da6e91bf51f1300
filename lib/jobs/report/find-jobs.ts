import { getText, type StoreOptions } from '../../stores/object-store.ts';
import { inParallel } from '../in-parallel.ts';
import { type JobQueues, type RecordedJob, readRecord } from '../job-record.ts';
import { folderNoteKey, STAGING } from '../output-layout.ts';
import { ALL_FOLDER_NAMES, isPartName } from '../part-names.ts';
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
  const recorded = await readRecord(folder, output, options);
  if (recorded === undefined) return undefined;
  const note = await getText(store, { bucket, key: folderNoteKey(recorded.job) }, options);
  const queues = note === undefined ? undefined : (JSON.parse(note.text) as { readonly queues?: JobQueues }).queues;
  return { ...recorded, ...(queues === undefined ? {} : { queues }) };
}

/** Returns the jobs whose folders are below one, by one listing of its keys; `''` is the whole bucket. */
export async function listJobs(
  folder: string,
  output: OutputBucket,
  options: StoreOptions = {},
): Promise<readonly ListedJob[]> {
  const { store, bucket } = output;
  const prefix = folder === '' ? '' : `${folder}/`;
  const parts = new Map<string, number>();
  const folders = new Map<string, Date>();
  for await (const { key, lastModified } of store.list(bucket, prefix, options)) {
    if (key.startsWith(`${prefix}${STAGING}/`)) continue;
    const cut = key.lastIndexOf('/');
    const parent = key.slice(0, Math.max(cut, 0));
    const name = key.slice(cut + 1);
    if (ALL_FOLDER_NAMES.some(({ job }) => job === name)) folders.set(parent, lastModified);
    if (isPartName(name)) parts.set(parent, (parts.get(parent) ?? 0) + 1);
  }
  const jobs = await inParallel(
    [...folders],
    READS_AT_ONCE,
    async ([found, recordedAt]): Promise<ListedJob | undefined> => {
      const recorded = await readRecord(found, output, options);
      return recorded && { recorded, parts: parts.get(found) ?? 0, recordedAt };
    },
  );
  return jobs.filter((job) => job !== undefined);
}
