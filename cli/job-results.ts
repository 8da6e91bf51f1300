import { stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { jobIn } from '../lib/jobs/report/find-jobs.ts';
import type { RecordedJob } from '../lib/jobs/job-record.ts';
import { ALL_FOLDER_NAMES, FOLDER_NAMES, SUCCESS_FILE } from '../lib/jobs/part-names.ts';
import { InputError } from '../lib/jobs/run/run-input.ts';
import type { OutputBucket } from '../lib/jobs/fabric-ports.ts';
import { openFileObjectStore } from '../lib/stores/file-object-store.ts';
import { s3Uri } from '../lib/stores/open-source.ts';

/** A results folder, in S3 or on this machine. */
export interface JobResults extends Disposable {
  readonly output: OutputBucket;
  /** Object key of the folder; `''` is the whole bucket. */
  readonly folder: string;
  readonly isLocal: boolean;
  /** Returns a key of the output as an S3 URI or a local path. */
  readonly shown: (key: string) => string;
}

/** Files that a completion event or a user names in place of the job's folder. */
const JOB_FILES = new Set([SUCCESS_FILE, ...ALL_FOLDER_NAMES.flatMap(({ job, manifest }) => [job, manifest])]);

/** A bucket's name, then perhaps a key. */
const S3_ADDRESS = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/s;

/** Opens the results at an address. @throws InputError if it is not an S3 address or a local folder */
export async function openResults(address: string): Promise<JobResults> {
  if (!address.startsWith('s3:')) return openLocalResults(address);
  const [, bucket, key = ''] = S3_ADDRESS.exec(address) ?? [];
  if (bucket === undefined) throw new InputError(`not an S3 address: '${address}' (expected s3://<bucket>/<key>)`);
  // The SDK takes long to load, and local results don't need it.
  const { openS3ObjectStore } = await import('../lib/stores/s3-object-store.ts');
  const store = openS3ObjectStore();
  return {
    output: { store, bucket },
    folder: folderOf(key),
    isLocal: false,
    shown: (shown) => s3Uri(bucket, shown),
    [Symbol.dispose]: () => store[Symbol.dispose](),
  };
}

async function openLocalResults(address: string): Promise<JobResults> {
  const path = resolve(folderOf(address));
  const isFolder = await stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
  if (!isFolder) throw new InputError(`there is no folder ${address}`);
  const above = dirname(path);
  return {
    output: { store: openFileObjectStore(dirname(above)), bucket: basename(above) },
    folder: basename(path),
    isLocal: true,
    shown: (key) => join(above, key),
    [Symbol.dispose]: () => {},
  };
}

/** Removes the name of a file that every job has: the completion event contains the URI of the manifest. */
function folderOf(address: string): string {
  const cut = address.lastIndexOf('/');
  const isFile = cut >= 0 && JOB_FILES.has(address.slice(cut + 1));
  return (isFile ? address.slice(0, cut) : address).replace(/(?<=.)\/+$/, '');
}

/** Reads the job whose results were opened. @throws InputError if the folder does not hold the results of a job */
export async function jobOf({ output, folder, shown }: JobResults): Promise<RecordedJob> {
  const recorded = folder === '' ? undefined : await jobIn(folder, output);
  if (recorded !== undefined) return recorded;
  throw new InputError(`there is no job in ${shown(folder)}: it has no ${FOLDER_NAMES.job}`);
}
