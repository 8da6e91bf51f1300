import { csv } from './csv.ts';
import { jsonLines } from './json-lines.ts';
import { parquet } from './parquet.ts';
import type { PartWriter } from './part-writer.ts';

/** Formats of results, by the names that `output.format` has for them. */
export const PART_WRITERS = { jsonl: jsonLines, parquet, csv } satisfies Readonly<Record<string, PartWriter>>;
