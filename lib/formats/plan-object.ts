import type { ByteSource } from '../stores/byte-source.ts';
import { decompressedSource, type Compression } from './compression.ts';
import type { InputOptions, PlanStep, ReadOptions, StageBundle } from './format.ts';
import { type StagingRoom, uncompressedLimit } from './input-limits.ts';
import { isStop } from './is-stop.ts';
import { type CutsPlan, EMPTY_PLAN, type ObjectPlan } from './plan.ts';
import { elementsFormat } from './registry.ts';

export interface PlanObjectOptions extends ReadOptions {
  /** Name of the object, with its folders, which some formats read fields from. @default not known */
  readonly name?: string;
  readonly compression?: Compression;
  /** Plans only this number of elements: the plan covers the part of the object that holds them. */
  readonly limit?: number;
  /** Writes the uncompressed bytes of each bundle, if the object is compressed. */
  readonly stage?: StageBundle;
  /** Room where bundles are staged. @default no bound but `input.maxUncompressedBytes` */
  readonly room?: StagingRoom | undefined;
}

export interface PlanStepOptions {
  /** Name of the object, as in {@link PlanObjectOptions}. */
  readonly name?: string;
  /** The plan of an earlier step. */
  readonly from?: CutsPlan | undefined;
  /** Aborted when the step must end. */
  readonly stop: AbortSignal;
}

/**
 * Plans an object that holds many elements. If its format plans it unread, only some of its bytes are read; otherwise it
 * is read once, as a stream.
 *
 * @throws FabricError if the object as a whole can't be read: its format, its header, its array or its compression is
 *   wrong.
 */
export async function planObject(
  source: ByteSource,
  input: InputOptions,
  options: PlanObjectOptions = {},
): Promise<ObjectPlan> {
  return (await plan(source, input, options)).plan;
}

/** Plans an object as {@link planObject} does, and also returns whether the limit omitted elements. */
export async function planPrefix(
  source: ByteSource,
  input: InputOptions,
  options: PlanObjectOptions,
): Promise<{ readonly plan: ObjectPlan; readonly isPrefix: boolean }> {
  const step = await plan(source, input, options);
  return { plan: step.plan, isPrefix: step.isWhole && step.isPrefix === true };
}

/**
 * Plans an object that is not compressed in steps, for callers with limited time: however often it stops, the plan is
 * the one that `planObject` makes. A step that stops before the next cut returns the plan that it started from.
 *
 * @throws FabricError as `planObject` does.
 */
export async function planObjectStep(
  source: ByteSource,
  input: InputOptions,
  { from, stop, ...named }: PlanStepOptions,
): Promise<PlanStep> {
  try {
    return await plan(source, input, { ...named, signal: stop, stop, from });
  } catch (error) {
    if (!isStop(error, stop)) throw error;
    return { plan: from ?? EMPTY_PLAN, isWhole: false };
  }
}

async function plan(
  source: ByteSource,
  input: InputOptions,
  { compression, room, ...options }: PlanObjectOptions & Partial<PlanStepOptions>,
): Promise<PlanStep> {
  const format = elementsFormat(input.format);
  if (source.byteLength === 0) return { plan: EMPTY_PLAN, isWhole: true };
  if (compression === undefined) return format.plan({ ...options, source, input, isCompressed: false });
  const limit = uncompressedLimit(input.maxUncompressedBytes, room);
  const uncompressed = decompressedSource(source, compression, limit);
  return format.plan({ ...options, source: uncompressed, input, isCompressed: true });
}
