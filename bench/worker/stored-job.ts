import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pipelineFacts } from '../../lib/config/pipeline-facts.ts';
import { inParallel } from '../../lib/jobs/in-parallel.ts';
import { planStoredObject } from '../../lib/jobs/intake/plan-stored-object.ts';
import { bundlesOf, jobId } from '../../lib/jobs/job.ts';
import { type RecordedJob, recordJob } from '../../lib/jobs/job-record.ts';
import type { ObjectStore } from '../../lib/stores/object-store.ts';
import fabric from '../fabric.config.ts';
import { BUCKETS } from './emulator-process.ts';

const PIPELINE = 'images';
const PUTS_AT_ONCE = 16;

/** Puts a folder's files under a prefix, in the order of their names. @returns their keys */
export async function putImages(store: ObjectStore, folder: string, prefix: string): Promise<readonly string[]> {
  const names = (await readdir(folder)).sort();
  return inParallel(names, PUTS_AT_ONCE, async (name) => {
    const key = `${prefix}${name}`;
    await store.put({ bucket: BUCKETS.input, key }, await readFile(join(folder, name)));
    return key;
  });
}

/** Puts a manifest of objects, plans it and records the job, as intake does: its bundles are there to be sent. */
export async function recordImages(store: ObjectStore, keys: readonly string[], name: string): Promise<RecordedJob> {
  const facts = pipelineFacts(fabric)[PIPELINE];
  if (facts === undefined) throw new Error(`there is no pipeline '${PIPELINE}'`);
  const bucket = BUCKETS.input;
  const key = `${PIPELINE}/${name}`;
  const etag = (await store.put({ bucket, key }, JSON.stringify(keys)))?.etag ?? '';
  const id = jobId([bucket, key, etag, PIPELINE]);
  const output = { store, bucket: BUCKETS.output };
  const planned = await planStoredObject(
    { job: id, pipeline: PIPELINE, name, bucket, key, etag },
    {
      input: facts.input,
      cohorts: [],
      output,
      inputBuckets: [bucket],
      progress: { kind: 'plan' },
      stop: new AbortController().signal,
    },
  );
  if (planned.kind !== 'planned') throw new Error('the manifest could not be planned');
  const { plan } = planned;
  const source = { uri: `s3://${bucket}/${key}`, etag };
  const job = {
    version: 1,
    id,
    pipeline: PIPELINE,
    name,
    source,
    of: bundlesOf(plan),
    plan,
    config: facts.config,
  } as const;
  return recordJob(job, output);
}
