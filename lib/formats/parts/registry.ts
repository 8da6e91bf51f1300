import { jsonLines } from './json-lines.ts';
import type { PartWriter } from './part-writer.ts';

/** Formats of results, by the names that `output.format` has for them. */
export const PART_WRITERS = { jsonl: jsonLines } satisfies Readonly<Record<string, PartWriter>>;
