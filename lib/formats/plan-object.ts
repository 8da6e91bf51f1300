import { FabricError } from '../errors.ts';
import type { ByteSource } from '../stores/byte-source.ts';
import { BundleCutter, type StageBundle } from './bundle-cutter.ts';
import { decompressedSource, type Compression } from './compression.ts';
import type { InputOptions, ObjectDialect, ReadOptions } from './format.ts';
import { DEFAULT_MAX_ELEMENTS, type StagingRoom, uncompressedLimit } from './input-limits.ts';
import { inDialect, lineFormat, type LineFormat, type ObjectStart } from './line-format.ts';
import { alignedPieces } from './lines.ts';
import { openHead } from './object-head.ts';
import { type CutsPlan, headingOf, type ObjectPlan } from './plan.ts';
import { splitRecords } from './record-splitter.ts';
import { LINE_FEED, type Piece } from './records.ts';
import { checkIsText, lineEndingsOf } from './text-check.ts';

export interface PlanObjectOptions extends ReadOptions {
  readonly compression?: Compression;
  /** Plans the first so many elements only: the plan covers what of the object holds them. */
  readonly limit?: number;
  /** Where the uncompressed bytes of each bundle go, if what can be read later is compressed. */
  readonly stage?: StageBundle;
  /** Room where bundles are staged. @default no bound but `input.maxUncompressedBytes` */
  readonly room?: StagingRoom | undefined;
}

export interface PlanStepOptions {
  /** What an earlier step planned. */
  readonly from?: CutsPlan | undefined;
  /** Aborted when the step is to end. */
  readonly stop: AbortSignal;
}

/** A plan, or what of it one step could make: then the next one goes on `from` it. */
export interface PlanStep {
  readonly plan: ObjectPlan;
  readonly isWhole: boolean;
  /** True if the object has more elements than the limit, which the plan omits. @default false */
  readonly isPrefix?: boolean;
}

/**
 * Plans an object of a line format. If it can be cut unread, only its first bytes are read; otherwise it is read once,
 * as a stream.
 *
 * @throws FabricError if the object as a whole can't be read: it is not text, or its header, its array or its
 *   compression is wrong.
 */
export async function planObject(
  source: ByteSource,
  input: InputOptions,
  options: PlanObjectOptions = {},
): Promise<ObjectPlan> {
  return (await plan(source, input, options)).plan;
}

/** Plans an object as {@link planObject} does, and also returns whether the limit omitted elements. */
export function planPrefix(
  source: ByteSource,
  input: InputOptions,
  options: PlanObjectOptions,
): Promise<Pick<PlanStep, 'plan' | 'isPrefix'>> {
  return plan(source, input, options);
}

/**
 * Plans an object that is not compressed in steps, for those whose time is limited: however often it stops, the plan is
 * the one that `planObject` makes. A step that is stopped before it came to the next cut ends with the plan it went on from.
 *
 * @throws FabricError as `planObject` does.
 */
export async function planObjectStep(
  source: ByteSource,
  input: InputOptions,
  { from, stop }: PlanStepOptions,
): Promise<PlanStep> {
  try {
    return await plan(source, input, { signal: stop, stop, from });
  } catch (error) {
    if (!isStop(error, stop)) throw error;
    return { plan: from ?? { kind: 'cuts', byteLength: 0, starts: [] }, isWhole: false };
  }
}

async function plan(
  source: ByteSource,
  input: InputOptions,
  options: PlanObjectOptions & Partial<PlanStepOptions>,
): Promise<PlanStep> {
  const { compression, limit, room } = options;
  const format = lineFormat(input.format);
  const maxUncompressed = uncompressedLimit(input.maxUncompressedBytes, room);
  const written = compression === undefined ? source : decompressedSource(source, compression, maxUncompressed);
  const { bytes, begin } = source.byteLength === 0 ? {} : await beginning(written, input, options);
  if (begin === undefined || bytes === undefined)
    return { plan: { kind: 'cuts', byteLength: 0, starts: [] }, isWhole: true };

  const end =
    limit === undefined || format.isIndexed ? bytes.byteLength : await prefixEnd(bytes, begin, input, options);
  const splitsUnread = compression === undefined && format.splitsAtLines(input);
  if (splitsUnread && (end === bytes.byteLength || (await isLineStart(bytes, end, options)))) {
    const ranges = { kind: 'ranges', byteLength: end, bundleBytes: input.bundleBytes, ...begin } as const;
    return { plan: ranges, isWhole: true, ...(end < bytes.byteLength ? { isPrefix: true } : {}) };
  }
  return cut({ format, bytes, begin, end }, input, options);
}

interface Beginning {
  /** Bytes of the object, read according to its dialect. */
  readonly bytes?: ByteSource;
  /** Earliest start of the first element, or the start of the element that an earlier step reached. */
  readonly begin?: ObjectStart;
}

async function beginning(
  written: ByteSource,
  input: InputOptions,
  { from, stop, ...options }: PlanObjectOptions & Partial<PlanStepOptions>,
): Promise<Beginning> {
  const start = from?.starts.at(-1);
  if (from !== undefined && start !== undefined) {
    return { bytes: inDialect(written, from.dialect), begin: { start, ...headingOf(from) } };
  }
  const format = lineFormat(input.format);
  // The first bytes are read even if a step's time is over: without them it makes no progress.
  const { head, source } = await openHead(written, stop === undefined ? options : {});
  checkIsText(head, input.format);
  const lineEndings = format.isIndexed ? {} : lineEndingsOf(head, input.format);
  const bytes = inDialect(source, lineEndings);
  const begin = await format.begin(bytes, input, options);
  if (begin === undefined) return {};
  const dialect: ObjectDialect = { ...begin.dialect, ...lineEndings };
  return { bytes, begin: Object.keys(dialect).length === 0 ? begin : { ...begin, dialect } };
}

/** Checks whether an element starts a line, and is not one of several on it. */
async function isLineStart(bytes: ByteSource, position: number, { signal }: ReadOptions): Promise<boolean> {
  if (position === 0) return true;
  for await (const chunk of bytes.read({ start: position - 1, end: position }, signal ? { signal } : {})) {
    return chunk[0] === LINE_FEED;
  }
  return false;
}

/** Where the element after the first `limit` ones starts, or else the object's end. */
async function prefixEnd(
  bytes: ByteSource,
  begin: ObjectStart,
  input: InputOptions,
  options: PlanObjectOptions,
): Promise<number> {
  const range = { ...begin, end: bytes.byteLength, aligned: true };
  let wanted = options.limit ?? Infinity;
  for await (const page of lineFormat(input.format).read(bytes, range, input, options)) {
    const next = page[wanted];
    if (next !== undefined) return next.position;
    wanted -= page.length;
  }
  return bytes.byteLength;
}

interface Uncut {
  readonly format: LineFormat;
  readonly bytes: ByteSource;
  readonly begin: ObjectStart;
  readonly end: number;
}

/** A cut lies where a record starts, so that what follows it is split as if it were the first. */
async function cut(
  { format, bytes, begin, end }: Uncut,
  input: InputOptions,
  options: PlanObjectOptions & Partial<PlanStepOptions>,
): Promise<PlanStep> {
  const { stage, stop, from } = options;
  const { bundleBytes, maxElements = DEFAULT_MAX_ELEMENTS } = input;
  const maxRecords = format.isIndexed ? options.limit : undefined;
  const cutter = new BundleCutter({ bundleBytes, stage, maxRecords, maxElements, from });
  let byteLength = begin.start;

  async function* pieces(): AsyncGenerator<Piece> {
    for await (const piece of alignedPieces(bytes, { start: begin.start, end }, options)) {
      byteLength = piece.position + piece.bytes.length;
      yield piece;
    }
  }

  const planned = (planEnd: number): CutsPlan => ({
    kind: 'cuts',
    byteLength: planEnd,
    starts: cutter.starts,
    ...(format.isIndexed ? { firstIndexes: cutter.firstIndexes } : {}),
    ...headingOf(begin),
  });

  try {
    const splitter = format.splitter(input, begin.dialect);
    for await (const run of splitRecords(pieces(), splitter, { ...options, maxElementBytes: input.maxElementBytes })) {
      await cutter.take(run);
      if (cutter.end !== undefined) break;
    }
  } catch (error) {
    const last = cutter.starts.at(-1);
    const cameFurther = cutter.starts.length > (from?.starts.length ?? 0);
    if (last === undefined || !cameFurther || !isStop(error, stop)) throw error;
    return { plan: { ...planned(last), elementsBefore: cutter.recordsBefore }, isWhole: false };
  }
  await cutter.finish();
  const isPrefix = end < bytes.byteLength || cutter.end !== undefined;
  return { plan: planned(cutter.end ?? byteLength), isWhole: true, ...(isPrefix ? { isPrefix } : {}) };
}

/** Whether an error is only that reading was stopped, and does not say that the object cannot be read. */
export function isStop(error: unknown, stop: AbortSignal | undefined): boolean {
  if (stop?.aborted !== true) return false;
  return !(error instanceof FabricError) || error.disposition === 'retry';
}
