import { FabricError } from '../../errors.ts';
import type { PartFormat, PartWriter } from './part-writer.ts';
import { PART_WRITERS } from './registry.ts';

export type PartFormatName = keyof typeof PART_WRITERS;

/** Format of a job that was recorded without one. */
export const DEFAULT_PART_FORMAT: PartFormat & { readonly format: PartFormatName } = { format: 'jsonl' };

/** Names of all formats of results. */
export function partFormatNames(): readonly string[] {
  return Object.keys(PART_WRITERS);
}

/** Returns the ends of the names of parts, of all formats. */
export function partSuffixes(): readonly string[] {
  return Object.values(PART_WRITERS).map(({ suffix }) => suffix);
}

/** @throws FabricError `UNKNOWN_PART_FORMAT` if another version of the fabric recorded the format. */
export function partWriter({ format }: PartFormat): PartWriter {
  const writers: Readonly<Record<string, PartWriter>> = PART_WRITERS;
  const writer = Object.hasOwn(writers, format) ? writers[format] : undefined;
  if (writer !== undefined) return writer;
  throw new FabricError('UNKNOWN_PART_FORMAT', `there is no format of results '${format}'`);
}
