import { z } from 'zod';
import { OUTPUT_TYPES, type OutputType } from '../formats/parts/output-schema.ts';
import { DEFAULT_PART_FORMAT, type PartFormatName, partFormatNames } from '../formats/parts/part-formats.ts';
import { PART_COMPRESSIONS } from '../formats/parts/part-writer.ts';

/** Columns of a CSV file beside those of the predictions. */
const OTHER_COLUMNS: ReadonlySet<string> = new Set(['id', 'key', 'input', 'model']);

const partFormats = partFormatNames().map((name) => `'${name}'`);

const partFormat = z.custom<PartFormatName>(
  (value) => typeof value === 'string' && partFormatNames().includes(value),
  `must be ${partFormats.join(' or ')}`,
);

const TYPE_RULE = `must be a type: ${OUTPUT_TYPES.join(', ')}, a list of one type, or an object of types by field`;

const outputType: z.ZodType<OutputType> = z.lazy(() =>
  z.union(
    [
      z.enum(OUTPUT_TYPES),
      z.tuple([outputType]),
      z
        .record(z.string().min(1), outputType)
        .refine((fields) => Object.keys(fields).length > 0, 'must have at least one field'),
    ],
    TYPE_RULE,
  ),
);

/** Schema of a pipeline's output, without its default. */
export const outputFields = z
  .strictObject(
    {
      format: partFormat.default(DEFAULT_PART_FORMAT.format),
      join: z.enum(['none', 'input'], "must be 'none' or 'input'").default('none'),
      schema: outputType.optional(),
      compression: z
        .enum(PART_COMPRESSIONS, `must be ${PART_COMPRESSIONS.map((name) => `'${name}'`).join(' or ')}`)
        .optional(),
      elements: z.literal('id', "must be 'id'").optional(),
    },
    'must be an object',
  )
  .refine(({ schema, format }) => schema === undefined || format !== 'jsonl', {
    path: ['schema'],
    error: "must be left out: only parquet and csv have one, set 'format'",
  })
  .refine(({ compression, format }) => compression === undefined || format === 'parquet', {
    path: ['compression'],
    error: 'must be left out: only the columns of parquet are compressed',
  })
  .refine(({ schema, format }) => format !== 'csv' || !namesOtherColumn(schema), {
    path: ['schema'],
    error: `must not have a field called ${[...OTHER_COLUMNS].join(', ')}: CSV has columns of these names`,
  });

function namesOtherColumn(schema: OutputType | undefined): boolean {
  if (typeof schema !== 'object' || Array.isArray(schema)) return false;
  return Object.keys(schema).some((name) => OTHER_COLUMNS.has(name));
}
