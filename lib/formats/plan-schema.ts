import { z } from 'zod';

// Schemas of the plans that a run of intake records for the next one.

const count = z.int().nonnegative();
const header = z.array(z.string()).optional();
/** Dialect found in the first bytes of an object; earlier versions did not record it. */
const dialect = z
  .object({ delimiter: z.string().min(1).optional(), carriageReturns: z.literal(true).optional() })
  .optional();

export const cutsPlan = z.object({
  kind: z.literal('cuts'),
  byteLength: count,
  starts: z.array(count),
  firstIndexes: z.array(count).optional(),
  elementsBefore: count.optional(),
  header,
  dialect,
});

const rangesPlan = z.object({
  kind: z.literal('ranges'),
  start: count,
  byteLength: count,
  bundleBytes: count,
  header,
  dialect,
});

const rowsPlan = z.object({
  kind: z.literal('rows'),
  starts: z.array(count),
  pages: z.array(z.array(z.tuple([count, count, count])).nullable()).optional(),
  rows: count,
  byteLength: count,
  header,
});

/** The plan of an object whose elements are not grouped by key. */
export const ungroupedPlan = z.discriminatedUnion('kind', [cutsPlan, rangesPlan, rowsPlan]);
