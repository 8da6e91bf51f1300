import type { ByteSource } from '../stores/byte-source.ts';
import { BundleCutter, type StageBundle } from './bundle-cutter.ts';
import { decompressedSource, type Compression } from './compression.ts';
import type { InputOptions, ReadOptions } from './format.ts';
import { lineFormat, type LineFormat, type ObjectStart } from './line-format.ts';
import { alignedPieces } from './lines.ts';
import type { CutsPlan, ObjectPlan } from './plan.ts';
import { splitRecords } from './record-splitter.ts';
import type { Piece } from './records.ts';

export interface PlanObjectOptions extends ReadOptions {
  readonly compression?: Compression;
  /** Plans the first so many elements only: the plan covers what of the object holds them. */
  readonly limit?: number;
  /** Where the uncompressed bytes of each bundle go, if what can be read later is compressed. */
  readonly stage?: StageBundle;
}

/**
 * Plans an object of a line format. What can be cut unread is not read; anything else is read once, as a stream.
 *
 * @throws FabricError where the object as a whole cannot be read: its header, its array, its compression.
 */
export async function planObject(
  source: ByteSource,
  input: InputOptions,
  options: PlanObjectOptions = {},
): Promise<ObjectPlan> {
  const { compression, limit } = options;
  const format = lineFormat(input.format);
  const bytes = compression === undefined ? source : decompressedSource(source, compression);
  const begin = source.byteLength === 0 ? undefined : await format.begin(bytes, input, options);
  if (begin === undefined) return { kind: 'cuts', byteLength: 0, starts: [] };

  const end =
    limit === undefined || format.isIndexed ? bytes.byteLength : await prefixEnd(bytes, begin, input, options);
  if (compression === undefined && format.splitsAtLines(input)) {
    return { kind: 'ranges', byteLength: end, bundleBytes: input.bundleBytes, ...begin };
  }
  return cut({ format, bytes, begin, end }, input, options);
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

async function cut(uncut: Uncut, input: InputOptions, options: PlanObjectOptions): Promise<CutsPlan> {
  const { format, bytes, begin, end } = uncut;
  const { stage } = options;
  const maxRecords = format.isIndexed ? options.limit : undefined;
  const cutter = new BundleCutter({ bundleBytes: input.bundleBytes, stage, maxRecords });
  let byteLength = begin.start;

  async function* pieces(): AsyncGenerator<Piece> {
    for await (const piece of alignedPieces(bytes, { start: begin.start, end }, options)) {
      byteLength = piece.position + piece.bytes.length;
      yield piece;
    }
  }

  for await (const run of splitRecords(pieces(), format.scanner(input), input.maxElementBytes)) {
    await cutter.take(run);
    if (cutter.end !== undefined) break;
  }
  await cutter.finish();
  return {
    kind: 'cuts',
    byteLength: cutter.end ?? byteLength,
    starts: cutter.starts,
    ...(format.isIndexed ? { firstIndexes: cutter.firstIndexes } : {}),
    ...(begin.header === undefined ? {} : { header: begin.header }),
  };
}
