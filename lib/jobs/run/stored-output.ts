import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeTemporaryFolder } from '../../stores/left-files.ts';
import { getBytes, getText } from '../../stores/object-store.ts';
import { s3Uri, sharedS3Store } from '../../stores/open-source.ts';
import { prefixedStore } from '../../stores/prefixed-store.ts';
import { inParallel } from '../in-parallel.ts';
import type { Job } from '../job.ts';
import { findJob, type RecordedJob, readRecord, recordJob } from '../job-record.ts';
import { isResultPath, type JobName, jobKey, manifestKey, stagingOf, successKey } from '../output-layout.ts';
import { FOLDER_NAMES, isErrorsFolder } from '../part-names.ts';
import type { OutputBucket } from '../fabric-ports.ts';
import { findForeign, type OwnState, ownState } from './foreign-files.ts';
import { InputError, otherConfig } from './run-input.ts';
import type { RunOutput } from './run-output.ts';
import { StoredJob } from './stored-job.ts';

/** Deletes at once: S3 takes 3,500 a second for a prefix. */
const DELETES_AT_ONCE = 32;

const ADDRESS = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*?))?\/*$/s;

/**
 * Opens a bucket, or a prefix in it, for results. It needs no lock: a job is recorded and a part is committed by a
 * conditional put, so that of two runs of one job each part is one's or the other's, and both go on with what is there.
 *
 * @throws InputError if the URI is invalid
 */
export async function openStoredOutput(uri: string): Promise<RunOutput> {
  const [, bucket, prefix = ''] = ADDRESS.exec(uri) ?? [];
  if (bucket === undefined)
    throw new InputError(`not an S3 address for results: '${uri}' (expected s3://<bucket>[/<prefix>])`);
  const store = await sharedS3Store({ patienceMillis: Infinity });
  const chunks = await makeTemporaryFolder('chunks');
  return prefix === ''
    ? new StoredOutput({ store, bucket }, `s3://${bucket}`, chunks)
    : new StoredOutput({ store: prefixedStore(store, `${prefix}/`), bucket }, s3Uri(bucket, prefix), chunks);
}

class StoredOutput implements RunOutput {
  readonly address: string;
  readonly #output: OutputBucket;
  /** Private local folder for the bytes of compressed objects; each run creates a new one. */
  readonly #chunks: string;

  constructor(output: OutputBucket, address: string, chunks: string) {
    this.#output = output;
    this.address = address;
    this.#chunks = chunks;
  }

  shown(key: string): string {
    return `${this.address}/${key}`;
  }

  async lock(): Promise<AsyncDisposable> {
    return { async [Symbol.asyncDispose]() {} };
  }

  async occupied(pipeline: string, keys: readonly string[]): Promise<readonly string[]> {
    const { store, bucket } = this.#output;
    for await (const _ of store.list(bucket, `${pipeline}/`)) return keys;
    return [];
  }

  ownAt(key: string, head: string): Promise<OwnState> {
    return ownState(head, (bytes) => this.#start(key, bytes));
  }

  foreignIn(folder: string, name: string): Promise<string | undefined> {
    const { store, bucket } = this.#output;
    const prefix = `${folder}/`;
    async function* paths() {
      for await (const { key, byteLength } of store.list(bucket, prefix)) {
        // Consoles create folders as empty objects.
        if (byteLength > 0 || !key.endsWith('/')) yield key.slice(prefix.length);
      }
    }
    return findForeign(
      {
        paths: paths(),
        text: async (path) => (await getText(store, { bucket, key: prefix + path }))?.text,
        start: (path, bytes) => this.#start(prefix + path, bytes),
      },
      name,
    );
  }

  async #start(key: string, bytes: number): Promise<string | undefined> {
    const { store, bucket } = this.#output;
    const info = await store.head({ bucket, key });
    if (info === undefined || info.byteLength === 0) return info === undefined ? undefined : '';
    const start = await getBytes(
      store,
      { bucket, key },
      { range: { start: 0, end: Math.min(bytes, info.byteLength) } },
    );
    return start === undefined ? undefined : Buffer.from(start).toString('utf8');
  }

  async jobIn(folder: string): Promise<Job | undefined> {
    return (await readRecord(folder, this.#output))?.job;
  }

  chunkPath({ id }: JobName, bundle: number): string {
    return join(this.#chunks, id, String(bundle));
  }

  async open(job: Job, folder: string): Promise<StoredJob> {
    const names = (await readRecord(folder, this.#output))?.names ?? FOLDER_NAMES;
    return this.#openRecorded({ job, folder, names });
  }

  #openRecorded(recorded: RecordedJob): Promise<StoredJob> {
    return StoredJob.open(recorded, {
      output: this.#output,
      shown: this.shown(recorded.folder),
      chunkPath: (bundle) => this.chunkPath(recorded.job, bundle),
    });
  }

  /** Another run may have recorded the job in between, or another job in its folder: then it gets a separate folder. */
  async record(job: Job): Promise<StoredJob> {
    const recorded = await recordJob(job, this.#output);
    if (recorded.job.config === job.config) return this.#openRecorded(recorded);
    throw otherConfig(this.shown(recorded.folder));
  }

  async clear(folder: string | undefined, jobs: readonly JobName[]): Promise<void> {
    const recorded = await Promise.all(jobs.map((job) => findJob(job, this.#output)));
    const folders = new Set([folder ?? [], ...recorded.map((job) => job?.folder ?? [])].flat());
    // No job has such a folder: it holds the failures of another one.
    for (const own of folders) if (!isErrorsFolder(own)) await this.#clearFolder(own);
    for (const job of jobs) await removeAll(this.#output, `${stagingOf(job)}/`);
  }

  /** Only what is the job's own: other results may lie below its folder. Last goes what says whose the folder is. */
  async #clearFolder(folder: string): Promise<void> {
    const { store, bucket } = this.#output;
    const names = (await readRecord(folder, this.#output))?.names ?? FOLDER_NAMES;
    await store.delete({ bucket, key: successKey(folder) });
    await store.delete({ bucket, key: manifestKey({ folder, names }) });
    for (const prefix of ['part-', `${names.errors}/${names.errorsKind}-`])
      await removeAll(this.#output, `${folder}/${prefix}`, (key) => isResultPath(key.slice(folder.length + 1), names));
    await store.delete({ bucket, key: jobKey({ folder, names }) });
  }

  async answer(key: string, text: string): Promise<void> {
    const { store, bucket } = this.#output;
    await store.put({ bucket, key }, text, { contentType: 'application/json' });
  }

  async remove(key: string): Promise<void> {
    const { store, bucket } = this.#output;
    await store.delete({ bucket, key });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#chunks, { recursive: true, force: true });
  }
}

async function removeAll(
  { store, bucket }: OutputBucket,
  prefix: string,
  isOwn: (key: string) => boolean = () => true,
): Promise<void> {
  const listed = (await Array.fromAsync(store.list(bucket, prefix))).filter(({ key }) => isOwn(key));
  await inParallel(listed, DELETES_AT_ONCE, ({ key }) => store.delete({ bucket, key }));
}
