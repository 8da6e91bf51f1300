import type { PartWriter } from './part-writer.ts';
import { readLines } from './read-lines.ts';

/** End of the names of files with one JSON value in each line. */
export const LINES_SUFFIX = '.jsonl';
export const LINES_TYPE = 'application/x-ndjson';

/** Parts that are the lines as they come. */
export const jsonLines: PartWriter = { suffix: LINES_SUFFIX, contentType: LINES_TYPE, readLines };
