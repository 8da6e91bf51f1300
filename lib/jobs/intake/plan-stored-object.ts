import { FabricError } from '../../errors.ts';
import { compressionOf, type Compression } from '../../formats/compression.ts';
import type { InputOptions } from '../../formats/format.ts';
import { isLineFormat, lineFormat } from '../../formats/line-format.ts';
import { isStop, planObject, planObjectStep } from '../../formats/plan-object.ts';
import type { CutsPlan } from '../../formats/plan.ts';
import type { ByteSource } from '../../stores/byte-source.ts';
import { openObjectSource } from '../../stores/object-source.ts';
import { getText } from '../../stores/object-store.ts';
import type { IntakeObject } from './intake-state.ts';
import { manifestKindOf } from './object-manifest.ts';
import { chunkKey, planInputKey } from '../output-layout.ts';
import type { PlanningOptions, PlanningOutcome } from './planning.ts';
import { stageObjectLists } from './stage-object-lists.ts';
import { WorkInFlight } from './work-in-flight.ts';

/** What is compressed is cut from its start to its end by one run of a function; this much is done in time. */
export const DEFAULT_MAX_UNCOMPRESSED_BYTES = 20 * 1024 ** 3;

/** Chunks on their way to the store at once, as long as they stay below so many bytes. */
const CHUNKS_IN_FLIGHT = 8;
const CHUNK_BYTES_IN_FLIGHT = 64 * 1024 * 1024;

/**
 * Plans an object, from where an earlier run of the function stopped. What can be cut unread is planned at once; what
 * must be read goes on until `stop`. What is compressed starts anew each time.
 *
 * @throws FabricError where the object as a whole cannot be read; ElementReadError `SourceGone` where it is not there.
 */
export async function planStoredObject(object: IntakeObject, options: PlanningOptions): Promise<PlanningOutcome> {
  const { output, progress, stop } = options;
  const manifestKind = manifestKindOf(object.name);
  const compression = compressionOf(object.name);
  refuseManifest(options.input, manifestKind !== undefined);
  const isRead = manifestKind !== undefined || compression !== undefined || !splitsUnread(options.input);
  const input = isRead ? await fixInput(object.job, options) : options.input;
  await using source = await openObjectSource(output.store, addressOf(object));
  if (manifestKind !== undefined) return stageObjectLists(source, object, manifestKind, { ...options, input });
  if (compression !== undefined) return planCompressed(source, object, compression, { ...options, input });

  const from = progress.kind === 'plan' ? progress.plan : undefined;
  const { plan, isWhole } = await planObjectStep(source, input, { from, stop });
  if (isWhole) return { kind: 'planned', plan: { kind: 'object', object: plan, chunked: false } };
  return { kind: 'stopped', progress: { kind: 'plan', plan: plan as CutsPlan } };
}

function addressOf({ bucket, key, versionId, etag }: IntakeObject) {
  return { bucket, key, etag, ...(versionId === undefined ? {} : { versionId }) };
}

function splitsUnread(input: InputOptions): boolean {
  return isLineFormat(input.format) && lineFormat(input.format).splitsAtLines(input);
}

function refuseManifest({ format }: InputOptions, isManifest: boolean): void {
  if (!isManifest || !isLineFormat(format)) return;
  const message = `Cannot plan the manifest: it lists whole objects, and the elements of its pipeline are in objects of format '${format}'`;
  throw new FabricError('MANIFEST_OF_LINE_FORMAT', message);
}

/**
 * The options by which an object is cut: those of the first run that read it. Another that came in between with another
 * configuration would cut other bundles, and their staged bytes would be mixed up.
 */
async function fixInput(job: string, { input, output }: PlanningOptions): Promise<InputOptions> {
  const { store, bucket } = output;
  const address = { bucket, key: planInputKey(job) };
  if ((await store.put(address, JSON.stringify(input), { only: 'absent' })) !== undefined) return input;
  const fixed = await getText(store, address);
  return fixed === undefined ? input : (JSON.parse(fixed.text) as InputOptions);
}

async function planCompressed(
  source: ByteSource,
  { job }: IntakeObject,
  compression: Compression,
  { input, output, maxUncompressedBytes, stop }: PlanningOptions,
): Promise<PlanningOutcome> {
  const { store, bucket } = output;
  const atOnce = Math.max(1, Math.min(CHUNKS_IN_FLIGHT, Math.floor(CHUNK_BYTES_IN_FLIGHT / input.bundleBytes)));
  const puts = new WorkInFlight(atOnce);
  const stage = (bundle: number, bytes: Uint8Array): Promise<void> =>
    puts.begin(() => store.put({ bucket, key: chunkKey(job, bundle) }, bytes));
  try {
    const object = await planObject(source, input, { compression, stage, maxUncompressedBytes, signal: stop });
    await puts.end();
    return { kind: 'planned', plan: { kind: 'object', object, chunked: true } };
  } catch (error) {
    await puts.end();
    if (!isStop(error, stop)) throw error;
    return { kind: 'stopped', progress: { kind: 'plan' } };
  }
}
