import { deserialize, serialize } from 'node:v8';
import type { ElementPacking, ElementsFormat } from './format.ts';
import { readElement } from './read-element.ts';

/** Rows have values that JSON has not, such as bytes and integers past 2^53. */
const packing: ElementPacking = {
  pack: ({ input }) => serialize(input).toString('base64'),
  unpack: (text, position) => readElement(position, deserialize(Buffer.from(text, 'base64'))),
};

/** Parquet: each row is an object by the names of its columns. A file is planned by its footer, and read by ranges. */
export const parquet: ElementsFormat = {
  holds: 'many',
  positions: 'index',
  plansUnread: () => true,
  async plan(request) {
    // Imported when a file is planned or read: configurations need only the format.
    const { planRows } = await import('./parquet/plan-rows.ts');
    return planRows(request);
  },
  async *read(request) {
    const { readRows } = await import('./parquet/read-rows.ts');
    yield* readRows(request);
  },
  async *readPacked(request, numbers) {
    const { readPackedRows } = await import('./parquet/read-rows.ts');
    yield* readPackedRows(request, numbers);
  },
  packing: () => packing,
};
