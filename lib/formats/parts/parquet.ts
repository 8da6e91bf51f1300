import type { PartWriter } from './part-writer.ts';

/** Parquet files of one schema. The libraries are imported when a part is written or read. */
export const parquet: PartWriter = {
  suffix: '.parquet',
  contentType: 'application/vnd.apache.parquet',
  async writePart(lines, part, format) {
    const { writeParquet } = await import('./tables/parquet-parts.ts');
    await writeParquet(lines, part, format);
  },
  async *readLines(part, format) {
    const { readParquet } = await import('./tables/parquet-parts.ts');
    yield* readParquet(part, format);
  },
};
