import type { BundleMessage, ObjectsMessage } from '../../elements/messages.ts';
import { type ObjectPlan, bundleRange } from '../../formats/plan.ts';
import type { MessageQueue, OutgoingMessage } from '../../stores/message-queue.ts';
import { getText } from '../../stores/object-store.ts';
import { parseS3Uri } from '../../stores/open-source.ts';
import { checkIn } from '../commit/claim-check.ts';
import type { Deadline, OutputBucket } from '../fabric-ports.ts';
import { inParallel } from '../in-parallel.ts';
import type { Job } from '../job.ts';
import type { RecordedJob } from '../job-record.ts';
import type { ListedEntry } from './object-manifest.ts';
import { objectListKey, stagingOf } from '../output-layout.ts';
import { partName } from '../part-names.ts';

/** Sent together. A bundle's message is made when its turn comes, so a job of any size takes the memory of these. */
const MESSAGES_AT_ONCE = 400;
/** A list of objects is read and written whole to make its bundle's message. */
const MADE_AT_ONCE = 32;

/** The message that has one bundle of a recorded job processed. */
export async function bundleMessageOf(
  { job }: RecordedJob,
  bundle: number,
  output: OutputBucket,
): Promise<OutgoingMessage> {
  const key = `${stagingOf(job)}/messages/${partName(bundle, job.of)}`;
  const body = JSON.stringify(await messageOf(job, bundle, output));
  return { body: await checkIn(body, { pipeline: job.pipeline, key, output }), groupId: job.id };
}

async function messageOf(job: Job, bundle: number, output: OutputBucket): Promise<BundleMessage | ObjectsMessage> {
  const { id, pipeline, of, plan } = job;
  const head = { version: 1, pipeline, job: id, bundle, of } as const;
  switch (plan.kind) {
    case 'object':
      return { ...head, kind: 'bundle', source: sourceOf(job, plan.object, bundle) };
    case 'listed':
      return { ...head, kind: 'objects', objects: await listedObjects(job, bundle, output) };
    case 'objects':
      throw new TypeError(
        "Cannot send the bundles of a job as 'plan.kind' must be 'object' or 'listed': it is 'objects'",
      );
  }
}

/** Returns the objects of a bundle's staged list, without the entries that hold a failure. */
async function listedObjects(job: Job, bundle: number, { store, bucket }: OutputBucket) {
  const staged = await getText(store, { bucket, key: objectListKey(job, bundle) });
  // Intake's own list.
  const entries = JSON.parse(staged?.text ?? '[]') as readonly ListedEntry[];
  return entries.flatMap((entry) => ('failure' in entry ? [] : [entry]));
}

function sourceOf({ source }: Job, plan: ObjectPlan, bundle: number): BundleMessage['source'] {
  const address = parseS3Uri(source.uri);
  if (address === undefined) throw new TypeError(`Cannot send the bundles of a job as its source is no object of S3`);
  const { start, end } = bundleRange(plan, bundle);
  return {
    ...address,
    ...(source.versionId === undefined ? {} : { versionId: source.versionId }),
    etag: source.etag ?? '',
    format: source.format ?? '',
    range: { start, end },
  };
}

export interface SendBundlesOptions {
  readonly queue: MessageQueue;
  readonly output: OutputBucket;
  /** The first bundle to send. @default 0 */
  readonly from?: number;
  readonly deadline: Pick<Deadline, 'signal'>;
  /** Called after each group of messages, with the first bundle that was not sent. @default nothing is called */
  readonly onSent?: (next: number) => Promise<void>;
}

/**
 * Sends the messages of a job's bundles, in their order.
 *
 * @returns undefined once all are sent; at the deadline, the first one that was not.
 */
export async function sendBundles(
  recorded: RecordedJob,
  { queue, output, from = 0, deadline, onSent }: SendBundlesOptions,
): Promise<number | undefined> {
  const { of } = recorded.job;
  for (let first = from; first < of; first += MESSAGES_AT_ONCE) {
    if (deadline.signal.aborted) return first;
    const bundles = Array.from({ length: Math.min(MESSAGES_AT_ONCE, of - first) }, (_, index) => first + index);
    await queue.send(await inParallel(bundles, MADE_AT_ONCE, (bundle) => bundleMessageOf(recorded, bundle, output)));
    await onSent?.(Math.min(of, first + MESSAGES_AT_ONCE));
  }
  return undefined;
}
