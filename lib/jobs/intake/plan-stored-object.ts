import type { PipelineInput } from '../../config/pipeline.ts';
import { groupsByKey } from '../../config/group-by-key.ts';
import { FabricError } from '../../errors.ts';
import { type Compression, openObject } from '../../formats/compression.ts';
import type { InputOptions } from '../../formats/format.ts';
import { startGrouping } from '../../formats/grouping/group-elements.ts';
import { isStop } from '../../formats/is-stop.ts';
import { planObject, planObjectStep } from '../../formats/plan-object.ts';
import type { ObjectPlan } from '../../formats/plan.ts';
import { formatOf } from '../../formats/registry.ts';
import type { ByteSource } from '../../stores/byte-source.ts';
import { openObjectSource } from '../../stores/object-source.ts';
import { getText } from '../../stores/object-store.ts';
import { chunksAtOnce, groupStoredObject } from './group-stored-object.ts';
import { addressOf, type IntakeObject, jobNameOf } from './intake-state.ts';
import { manifestKindOf } from '../sending/object-manifest.ts';
import { chunkKey, type JobName, planInputKey, unsortedKey } from '../output-layout.ts';
import type { PlanningOptions, PlanningOutcome } from './planning.ts';
import { stageObjectLists } from './stage-object-lists.ts';
import { WorkInFlight } from './work-in-flight.ts';

/**
 * Plans an object, from where an earlier run of the function stopped. What can be cut unread is planned at once; what
 * must be read goes on until `stop`. What is compressed is decompressed from its start each time.
 *
 * @throws FabricError where the object as a whole cannot be read; ElementReadError `SourceGone` where it is not there.
 */
export async function planStoredObject(object: IntakeObject, given: PlanningOptions): Promise<PlanningOutcome> {
  const { output, progress } = given;
  const manifestKind = manifestKindOf(object.name);
  refuseManifest(given.input, manifestKind !== undefined);
  if (progress.kind === 'group')
    return groupStoredObject(object, progress.state, await fixInput(jobNameOf(object), given));
  await using opened = await openObjectSource(output.store, addressOf(object));
  if (manifestKind !== undefined) {
    return stageObjectLists(opened, { object, kind: manifestKind }, await fixInput(jobNameOf(object), given));
  }
  // A partly planned object is not compressed: a compressed object is always planned in one run.
  const isPlanned = progress.kind === 'plan' && progress.plan !== undefined;
  const { source, compression } = isPlanned
    ? { source: opened, compression: undefined }
    : await openObject(opened, object.name);
  const options = isRead(compression, given.input) ? await fixInput(jobNameOf(object), given) : given;
  const planned =
    compression === undefined
      ? await planUncompressed(source, object.name, options)
      : await planCompressed(source, { object, compression }, options);
  if (planned.kind === 'stopped') return planned;
  const { plan } = planned;
  if (groupsByKey(options.input)) {
    const isStaged = compression !== undefined;
    return groupStoredObject(object, startGrouping(plan, { isStaged }), options);
  }
  return { kind: 'planned', plan: { kind: 'object', object: plan, chunked: compression !== undefined } };
}

/** Returns true if the object is read to be planned, and not only its first or last bytes. */
function isRead(compression: Compression | undefined, input: PipelineInput): boolean {
  return compression !== undefined || groupsByKey(input) || !isPlannedUnread(input);
}

function isPlannedUnread(input: InputOptions): boolean {
  const format = formatOf(input.format);
  return format.holds === 'many' && format.plansUnread(input);
}

function refuseManifest({ format }: InputOptions, isManifest: boolean): void {
  if (!isManifest || formatOf(format).holds === 'one') return;
  const message = `Cannot plan the manifest: it lists whole objects, and the elements of its pipeline are in objects of format '${format}'`;
  throw new FabricError('MANIFEST_OF_LINE_FORMAT', message);
}

/**
 * The options by which an object is cut: those of the first run that read it. Another that came in between with another
 * configuration would cut other bundles, and their staged bytes would be mixed up.
 */
async function fixInput(job: JobName, options: PlanningOptions): Promise<PlanningOptions> {
  const { input, cohorts, output } = options;
  const address = { bucket: output.bucket, key: planInputKey(job) };
  const own = { ...input, cohorts };
  if ((await output.store.put(address, JSON.stringify(own), { only: 'absent' })) !== undefined) return options;
  const there = await getText(output.store, address);
  if (there === undefined) return options;
  const { cohorts: fixedCohorts = [], ...fixed } = JSON.parse(there.text) as PipelineInput & Partial<typeof own>;
  return { ...options, input: fixed, cohorts: fixedCohorts };
}

/** The plan of an object's bytes, or how far this run came. */
type CutOutcome = { readonly kind: 'cut'; readonly plan: ObjectPlan } | Extract<PlanningOutcome, { kind: 'stopped' }>;

async function planUncompressed(
  source: ByteSource,
  name: string,
  { input, progress, stop }: PlanningOptions,
): Promise<CutOutcome> {
  const from = progress.kind === 'plan' ? progress.plan : undefined;
  const step = await planObjectStep(source, input, { name, from, stop });
  if (step.isWhole) return { kind: 'cut', plan: step.plan };
  return { kind: 'stopped', progress: { kind: 'plan', plan: step.plan } };
}

async function planCompressed(
  source: ByteSource,
  { object, compression }: { readonly object: IntakeObject; readonly compression: Compression },
  { input, output, stagingRoom, stop }: PlanningOptions,
): Promise<CutOutcome> {
  const { store, bucket } = output;
  const keyOf = groupsByKey(input) ? unsortedKey : chunkKey;
  const puts = new WorkInFlight(chunksAtOnce(input));
  const stage = (bundle: number, bytes: Uint8Array): Promise<void> =>
    puts.begin(() => store.put({ bucket, key: keyOf(jobNameOf(object), bundle) }, bytes, { only: 'absent' }));
  try {
    const plan = await planObject(source, input, { compression, stage, room: stagingRoom?.(), signal: stop });
    await puts.end();
    return { kind: 'cut', plan };
  } catch (error) {
    await puts.end();
    if (!isStop(error, stop)) throw error;
    return { kind: 'stopped', progress: { kind: 'plan' } };
  }
}
