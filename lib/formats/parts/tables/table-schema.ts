import type { SchemaElement } from 'hyparquet';
import { isListType, type OutputType } from '../output-schema.ts';
import type { PartFormat } from '../part-writer.ts';

const TYPES: Readonly<Record<Extract<OutputType, string>, Omit<SchemaElement, 'name'>>> = {
  string: { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } },
  // As text: of several parts, one may have no JSON that is an object.
  json: { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } },
  bool: { type: 'BOOLEAN' },
  int32: { type: 'INT32' },
  int64: { type: 'INT64' },
  float: { type: 'FLOAT' },
  double: { type: 'DOUBLE' },
  date: { type: 'INT32', converted_type: 'DATE', logical_type: { type: 'DATE' } },
  timestamp: {
    type: 'INT64',
    converted_type: 'TIMESTAMP_MICROS',
    logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' },
  },
};

/** Returns the types of the columns of a table of results, in order: they depend on the job alone. */
export function tableTypes({ schema = 'json', join = 'none' }: PartFormat): Readonly<Record<string, OutputType>> {
  return {
    id: 'string',
    key: 'string',
    prediction: schema,
    ...(join === 'input' ? { input: 'json' as const } : {}),
    model: 'string',
  };
}

/** Returns the Parquet schema of a table of results. */
export function parquetSchema(format: PartFormat): SchemaElement[] {
  const columns = Object.entries(tableTypes(format));
  return [{ name: 'root', num_children: columns.length }, ...columns.flatMap(([name, type]) => elementsOf(name, type))];
}

function elementsOf(name: string, type: OutputType): SchemaElement[] {
  const optional = { name, repetition_type: 'OPTIONAL' } as const;
  if (typeof type === 'string') return [{ ...optional, ...TYPES[type] }];
  if (isListType(type)) {
    return [
      { ...optional, num_children: 1, converted_type: 'LIST', logical_type: { type: 'LIST' } },
      { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
      ...elementsOf('element', type[0]),
    ];
  }
  const fields = Object.entries(type);
  return [{ ...optional, num_children: fields.length }, ...fields.flatMap(([field, of]) => elementsOf(field, of))];
}
