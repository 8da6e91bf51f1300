import type { ByteSource } from '../stores/byte-source.ts';
import { BundleCutter } from './bundle-cutter.ts';
import type { PlanRequest, PlanStep, ReadOptions } from './format.ts';
import { DEFAULT_MAX_ELEMENTS } from './input-limits.ts';
import { isStop } from './is-stop.ts';
import { alignedPieces, inDialect } from './lines.ts';
import { openHead } from './object-head.ts';
import { type CutsPlan, EMPTY_PLAN, headingOf, type ObjectDialect } from './plan.ts';
import type { ObjectStart, RecordFormat } from './record-format.ts';
import { splitRecords } from './record-splitter.ts';
import { LINE_FEED, type Piece } from './records.ts';
import { checkIsText, lineEndingsOf } from './text-check.ts';

/** Plans an object of records: only its first bytes are read if it can be cut unread, else all of it, once. */
export async function planRecords(format: RecordFormat, request: PlanRequest): Promise<PlanStep> {
  const { input, isCompressed, limit } = request;
  const { bytes, begin } = await beginning(format, request);
  if (begin === undefined || bytes === undefined) return { plan: EMPTY_PLAN, isWhole: true };

  const isIndexed = format.positions === 'index';
  const end = limit === undefined || isIndexed ? bytes.byteLength : await prefixEnd(format, { bytes, begin }, request);
  const splitsUnread = !isCompressed && format.splitsAtLines(input);
  if (splitsUnread && (end === bytes.byteLength || (await isLineStart(bytes, end, request)))) {
    const ranges = { kind: 'ranges', byteLength: end, bundleBytes: input.bundleBytes, ...begin } as const;
    return { plan: ranges, isWhole: true, ...(end < bytes.byteLength ? { isPrefix: true } : {}) };
  }
  return cut(format, { bytes, begin, end }, request);
}

interface Beginning {
  /** Bytes of the object, read according to its dialect. */
  readonly bytes: ByteSource;
  /** Earliest start of the first element, or the start of the element that an earlier step reached. */
  readonly begin: ObjectStart;
}

async function beginning(
  format: RecordFormat,
  { source: written, from, stop, ...options }: PlanRequest,
): Promise<Partial<Beginning>> {
  const start = from?.starts.at(-1);
  if (from !== undefined && start !== undefined) {
    return { bytes: inDialect(written, from.dialect), begin: { start, ...headingOf(from) } };
  }
  // The first bytes are read even if a step's time is over: without them it makes no progress.
  const { head, source } = await openHead(written, stop === undefined ? options : {});
  checkIsText(head, options.input.format);
  const lineEndings = format.positions === 'index' ? {} : lineEndingsOf(head, format);
  const bytes = inDialect(source, lineEndings);
  const begin = await format.begin({ ...options, source: bytes });
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

/** Returns where the element after the first `limit` ones starts, or else the object's end. */
async function prefixEnd(
  format: RecordFormat,
  { bytes, begin }: Beginning,
  { input, limit = Infinity, signal }: PlanRequest,
): Promise<number> {
  const range = { ...begin, end: bytes.byteLength, aligned: true };
  let wanted = limit;
  for await (const page of format.read({ source: bytes, range, input, ...(signal ? { signal } : {}) })) {
    const next = page[wanted];
    if (next !== undefined) return next.position;
    wanted -= page.length;
  }
  return bytes.byteLength;
}

interface Uncut extends Beginning {
  readonly end: number;
}

/** Cuts an object where records start, so that the first record of a bundle is split as if it were the object's first. */
async function cut(format: RecordFormat, { bytes, begin, end }: Uncut, request: PlanRequest): Promise<PlanStep> {
  const { input, stage, stop, from } = request;
  const { bundleBytes, maxElements = DEFAULT_MAX_ELEMENTS, maxElementBytes } = input;
  const isIndexed = format.positions === 'index';
  const maxRecords = isIndexed ? request.limit : undefined;
  const cutter = new BundleCutter({ bundleBytes, stage, maxRecords, maxElements, from });
  let byteLength = begin.start;

  async function* pieces(): AsyncGenerator<Piece> {
    for await (const piece of alignedPieces(bytes, { start: begin.start, end }, request)) {
      byteLength = piece.position + piece.bytes.length;
      yield piece;
    }
  }

  const planned = (planEnd: number): CutsPlan => ({
    kind: 'cuts',
    byteLength: planEnd,
    starts: cutter.starts,
    ...(isIndexed ? { firstIndexes: cutter.firstIndexes } : {}),
    ...headingOf(begin),
  });

  try {
    const splitter = format.splitter(input, begin.dialect);
    for await (const run of splitRecords(pieces(), splitter, { ...request, maxElementBytes })) {
      await cutter.add(run);
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
