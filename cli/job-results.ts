import { stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { ConfigError, FabricError } from '../lib/errors.ts';
import { jobIn } from '../lib/jobs/report/find-jobs.ts';
import type { RecordedJob } from '../lib/jobs/job-record.ts';
import { InputError } from '../lib/jobs/run/run-input.ts';
import type { OutputBucket } from '../lib/jobs/fabric-ports.ts';
import { openFileObjectStore } from '../lib/stores/file-object-store.ts';
import { s3Uri } from '../lib/stores/open-source.ts';
import { EXIT, type ExitStatus } from './exit-status.ts';

/** A folder of results, in S3 or here. */
export interface JobResults extends Disposable {
  readonly output: OutputBucket;
  /** The folder's object key; `''` is the whole bucket. */
  readonly folder: string;
  readonly isLocal: boolean;
  /** How a key of the output is shown. */
  readonly shown: (key: string) => string;
}

/** A bucket's name, then perhaps a key. */
const S3_ADDRESS = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/s;

/** @throws InputError where the address is none, or there is no such folder here */
export async function openResults(address: string): Promise<JobResults> {
  if (!address.startsWith('s3:')) return openLocalResults(address);
  const [, bucket, key = ''] = S3_ADDRESS.exec(address) ?? [];
  if (bucket === undefined) throw new InputError(`an address in S3 is s3://<bucket>/<key>: '${address}' is none`);
  // The SDK takes long to load, and results that are here don't need it.
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

/** An address may name a file that every job has: the completion event gives the manifest's. */
function folderOf(address: string): string {
  return address.replace(/\/(?:manifest\.json|job\.json|_SUCCESS)$/, '').replace(/(?<=.)\/+$/, '');
}

/** @throws InputError where no job has its results there */
export async function jobOf({ output, folder, shown }: JobResults): Promise<RecordedJob> {
  const recorded = folder === '' ? undefined : await jobIn(folder, output);
  if (recorded !== undefined) return recorded;
  throw new InputError(`there is no job in ${shown(folder)}: it has no job.json`);
}

/** Runs a command: whatever goes wrong is one clear line on stderr, and an exit status. */
export async function exitStatusOf(work: () => Promise<ExitStatus>): Promise<ExitStatus> {
  try {
    return await work();
  } catch (error) {
    console.error(`fabric: ${error instanceof Error ? error.message : String(error)}`);
    const isUsage = error instanceof ConfigError || error instanceof InputError || isUnplaced(error);
    return isUsage ? EXIT.wrongUsage : EXIT.failure;
  }
}

/** Failures that were not written by the deployed fabric are asked to run again there. */
function isUnplaced(error: unknown): boolean {
  return error instanceof FabricError && error.code === 'UNPLACED_FAILURE';
}
