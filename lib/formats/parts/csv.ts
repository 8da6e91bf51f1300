import type { PartWriter } from './part-writer.ts';

/** CSV files (RFC 4180) with a header, all with the same columns. */
export const csv: PartWriter = {
  suffix: '.csv',
  contentType: 'text/csv; charset=utf-8; header=present',
  async writePart(lines, part, format) {
    const { writeCsv } = await import('./tables/csv-parts.ts');
    await writeCsv(lines, part, format);
  },
  async *readLines(part, format) {
    const { readCsv } = await import('./tables/csv-parts.ts');
    yield* readCsv(part, format);
  },
};
