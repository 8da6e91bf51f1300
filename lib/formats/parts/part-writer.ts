import type { OutputType } from './output-schema.ts';

/** How the results of a job are written: chosen when the job is recorded, so all of its parts have one schema. */
export interface PartFormat {
  /** Name of a writer in the registry. */
  readonly format: string;
  /** True if results have the elements' inputs: `input`. @default 'none' */
  readonly join?: 'none' | 'input';
  /** Parquet and CSV: type of the predictions. @default their JSON is text */
  readonly schema?: OutputType;
  /** Parquet: compression of the columns. @default 'snappy' */
  readonly compression?: PartCompression;
}

export const PART_COMPRESSIONS = ['snappy', 'zstd', 'gzip', 'none'] as const;

export type PartCompression = (typeof PART_COMPRESSIONS)[number];

/**
 * Format of the files that hold results: one part for each bundle. Failures are JSON lines in every format.
 *
 * Workers give the results of a bundle as lines, `{"id","key"?,"prediction","input"?,"model"}`. They are spooled to local
 * disk and become a part when the bundle is committed. A redrive reads the lines of a part back and merges new ones.
 */
export interface PartWriter {
  /** End of the names of parts, with its dot. No other format has it. */
  readonly suffix: string;
  readonly contentType: string;
  /**
   * Writes a part. Absent if the lines are the part, which is then committed without a copy.
   *
   * @param lines - path of the file with the lines of the bundle.
   * @param part - path of the file to write.
   */
  writePart?(lines: string, part: string, format: PartFormat): Promise<void>;
  /** Returns the lines that a part was written from, in their order and without line feeds. */
  readLines(part: AsyncIterable<Uint8Array>, format: PartFormat): AsyncIterable<string>;
}
