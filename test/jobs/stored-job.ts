import type { FinalizeMessage } from '../../lib/elements/messages.ts';
import { commitPart } from '../../lib/jobs/commit/commit-part.ts';
import type { Job } from '../../lib/jobs/job.ts';
import { type RecordedJob, recordJob } from '../../lib/jobs/job-record.ts';
import { OutcomeSpool } from '../../lib/jobs/commit/outcome-spool.ts';
import { partPlace } from '../../lib/jobs/output-layout.ts';
import type { CommittedPart } from '../../lib/jobs/commit/part-metadata.ts';
import type { OutputBucket } from '../../lib/jobs/fabric-ports.ts';
import { settlePart } from '../../lib/jobs/commit/settle-part.ts';
import type { ReceivedMessage } from '../../lib/stores/message-queue.ts';
import { memoryQueue } from './memory-ports.ts';

export const PIPELINE = 'numbers';
/** Of a bundle of a stored job. */
const BUNDLE_BYTES = 100;

export const QUEUES = { bundles: 'https://sqs/bundles', finalizer: 'https://sqs/finalizer' };

export function jobOf(of: number, name = 'n.jsonl'): Job {
  const byteLength = of * BUNDLE_BYTES;
  return {
    version: 1,
    id: `job-of-${name.replaceAll('/', '-')}`,
    pipeline: PIPELINE,
    name,
    source: { uri: `s3://input/${PIPELINE}/${name}`, etag: 'e1', format: 'jsonl' },
    of,
    plan: {
      kind: 'object',
      object: { kind: 'ranges', start: 0, byteLength, bundleBytes: BUNDLE_BYTES },
      chunked: false,
    },
    config: 'c1',
  };
}

export function recordJobOf(of: number, output: OutputBucket, name?: string): Promise<RecordedJob> {
  return recordJob(jobOf(of, name), output, { queues: QUEUES });
}

/** How an element ended: with a prediction, or at a stage with an error of a name. */
export type End = string | { readonly stage: string; readonly error: string };

export function failed(stage: string, error = 'Error'): End {
  return { stage, error };
}

export interface CommitBundleOptions {
  readonly output: OutputBucket;
  /** Whether the processor lives to see its dead letters sent and its errors put in place. @default true */
  readonly settle?: boolean;
  /** The part that it takes the place of, as a redrive's does. */
  readonly replaces?: CommittedPart;
}

/** Commits a part whose elements ended so, as a processor does. */
export async function commitBundle(
  recorded: RecordedJob,
  bundle: number,
  ends: readonly End[],
  { output, settle = true, replaces }: CommitBundleOptions,
): Promise<CommittedPart> {
  const { job } = recorded;
  await using spool = await OutcomeSpool.open();
  for (const [ordinal, end] of ends.entries())
    await spool.write(chunkOf(`${job.name}#${bundle}-${ordinal}`, ordinal, end));
  const place = partPlace(recorded, bundle);
  const models = { abc: 'abcdef' };
  const { part } = await commitPart(place, spool, {
    output,
    models,
    elapsedMillis: 5,
    only: replaces === undefined ? 'absent' : { ifMatch: replaces.etag },
  });
  if (settle) await settlePart(place, part, { pipeline: job.pipeline, deadLetters: memoryQueue(), output });
  return part;
}

function chunkOf(id: string, ordinal: number, end: End) {
  const isResult = typeof end === 'string';
  const failure = (outcome: Exclude<End, string>) => ({
    stage: outcome.stage,
    error: { name: outcome.error, message: 'it did not work' },
    attempts: 1,
    input: ordinal,
    source: { bucket: 'input', ordinal },
  });
  const line = JSON.stringify({ id, ...(isResult ? { prediction: end, model: 'abc' } : failure(end)) });
  const encoder = new TextEncoder();
  return {
    results: encoder.encode(isResult ? `${line}\n` : ''),
    errors: encoder.encode(isResult ? '' : `${line}\n`),
    elements: 1,
    succeeded: isResult ? 1 : 0,
    failed: isResult ? {} : { [end.stage]: 1 },
    models: {},
  };
}

export function finalizeMessage(
  job: Pick<Job, 'id' | 'pipeline'>,
  fields: Partial<FinalizeMessage> & Pick<FinalizeMessage, 'until'>,
): string {
  const message: FinalizeMessage = { version: 1, kind: 'finalize', pipeline: job.pipeline, job: job.id, ...fields };
  return JSON.stringify(message);
}

export function received(body: string, receiveCount = 1): ReceivedMessage {
  return { id: 'm1', body, receiptHandle: 'r1', receiveCount, sentAtMillis: 0 };
}
