import { z } from 'zod';
import { InvalidMessageError, type IntakeMessage } from '../../elements/messages.ts';
import type { GroupingState } from '../../formats/grouping/group-elements.ts';
import { cutsPlan, ungroupedPlan } from '../../formats/plan-schema.ts';
import type { CutsPlan } from '../../formats/plan.ts';
import type { MessageQueue } from '../../stores/message-queue.ts';
import type { SourceAddress } from '../../stores/object-source.ts';
import { getText } from '../../stores/object-store.ts';
import { jobId } from '../job.ts';
import { intakeStateKey, type JobName } from '../output-layout.ts';
import type { OutputBucket } from '../fabric-ports.ts';

/** How far intake has come with an object: its plan, its grouping, its manifest's lists of objects, or the bundles sent. */
export type IntakeProgress =
  | { readonly kind: 'plan'; readonly plan?: CutsPlan | undefined }
  | { readonly kind: 'group'; readonly state: GroupingState }
  | { readonly kind: 'list'; readonly count: number }
  | { readonly kind: 'send'; readonly from: number };

/** An object that becomes a job. */
export interface IntakeObject {
  readonly job: string;
  readonly pipeline: string;
  /** Part of its object key after the pipeline. */
  readonly name: string;
  readonly bucket: string;
  readonly key: string;
  readonly versionId?: string | undefined;
  readonly etag: string;
}

export function jobNameOf({ pipeline, job }: IntakeObject): JobName {
  return { pipeline, id: job };
}

/** Returns the id of the job that an object becomes: a pure function of the object's version and the pipeline. */
export function intakeJobId({ bucket, key, versionId, etag, pipeline }: Omit<IntakeObject, 'job' | 'name'>): string {
  return jobId([bucket, key, versionId ?? etag, pipeline]);
}

/** The version of the object that the job is about. */
export function addressOf({ bucket, key, versionId, etag }: IntakeObject): SourceAddress {
  return { bucket, key, etag, ...(versionId === undefined ? {} : { versionId }) };
}

/** State that one run passes to the next. */
export interface IntakeState {
  readonly version: 1;
  readonly object: IntakeObject;
  readonly progress: IntakeProgress;
  /** Runs in a row that had their time and came no further. */
  readonly stalled: number;
}

const name = z.string().min(1);
const count = z.int().nonnegative();
const grouping = {
  runs: z.array(z.object({ name, level: count, pieces: z.array(count) })),
  written: count,
};
const groupingState = z.discriminatedUnion('phase', [
  z.object({
    ...grouping,
    phase: z.literal('sort'),
    isStaged: z.boolean().optional(),
    plan: ungroupedPlan,
    from: z.object({ bundle: count, element: count }),
  }),
  z.object({
    ...grouping,
    phase: z.literal('merge'),
    id: name,
    header: z.array(z.string()).optional(),
    pieces: z.array(count),
    cursor: z.array(count).optional(),
  }),
]);
const state = z.object({
  version: z.literal(1),
  object: z.object({
    job: name,
    pipeline: name,
    name,
    bucket: name,
    key: name,
    versionId: name.optional(),
    etag: name,
  }),
  progress: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('plan'), plan: cutsPlan.optional() }),
    z.object({ kind: z.literal('group'), state: groupingState }),
    z.object({ kind: z.literal('list'), count }),
    z.object({ kind: z.literal('send'), from: count }),
  ]),
  stalled: count,
});

/** Keeps the state and sends the message by which another run goes on from it. */
export async function handOn(next: IntakeState, queue: MessageQueue, { store, bucket }: OutputBucket): Promise<void> {
  const { job, pipeline } = next.object;
  const key = intakeStateKey(jobNameOf(next.object), `${labelOf(next.progress)}-${next.stalled}`);
  await store.put({ bucket, key }, JSON.stringify(next), { contentType: 'application/json' });
  const message: IntakeMessage = { version: 1, kind: 'intake', pipeline, job, at: key };
  await queue.send([{ body: JSON.stringify(message), groupId: job }]);
}

/**
 * Reads the state that another run left. The pipeline's own role can write it, and intake reads the objects of all
 * pipelines: the job's id must be the object's.
 *
 * @throws InvalidMessageError where there is no state that the message could mean.
 */
export async function readIntakeState(message: IntakeMessage, { store, bucket }: OutputBucket): Promise<IntakeState> {
  const found = await getText(store, { bucket, key: message.at });
  if (found === undefined) throw new InvalidMessageError('the state that intake was to go on from is not there');
  const result = state.safeParse(JSON.parse(found.text));
  if (!result.success || !isOf(message, result.data.object)) {
    throw new InvalidMessageError('the saved intake state belongs to another job');
  }
  return result.data as IntakeState;
}

function isOf({ job, pipeline }: IntakeMessage, object: IntakeObject): boolean {
  const isNamed = object.job === job && object.pipeline === pipeline;
  return isNamed && object.key === `${pipeline}/${object.name}` && intakeJobId(object) === job;
}

/** Returns a label that differs between the states of a job, so that no run overwrites a different state. */
function labelOf(progress: IntakeProgress): string {
  switch (progress.kind) {
    case 'plan':
      return `plan-${progress.plan?.starts.length ?? 0}`;
    case 'group':
      return labelOfGrouping(progress.state);
    case 'list':
      return `list-${progress.count}`;
    case 'send':
      return `send-${progress.from}`;
  }
}

/** Runs that sort the same elements write each their own. */
function labelOfGrouping(grouping: GroupingState): string {
  const of = grouping.phase === 'sort' ? `sort-${grouping.runs.at(-1)?.name ?? 'start'}` : `merge-${grouping.id}`;
  return `group-${of}-${grouping.written}`;
}
