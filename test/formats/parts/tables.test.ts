import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { misfit, type OutputType } from '../../../lib/formats/parts/output-schema.ts';
import { partWriter } from '../../../lib/formats/parts/part-formats.ts';
import type { PartFormat } from '../../../lib/formats/parts/part-writer.ts';
import { temporaryFolder, writeIn } from '../../temporary-folder.ts';

const SCHEMA: OutputType = {
  label: 'string',
  score: 'double',
  half: 'float',
  count: 'int32',
  large: 'int64',
  isGood: 'bool',
  day: 'date',
  at: 'timestamp',
  rest: 'json',
  vector: ['float'],
  box: { x: 'int32', names: ['string'] },
};

const double = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constantFrom('NaN', '-Infinity', 0, 7));
const text = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('', 'a,b', '"', 'two\nlines', 'null', '[1]', '7'),
);
const nullable = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary, { freq: 4 });
const time = fc.date({
  min: new Date('1900-01-01T00:00:00Z'),
  max: new Date('2200-01-01T00:00:00Z'),
  noInvalidDate: true,
});

const prediction = fc.record({
  label: nullable(text),
  score: nullable(double),
  half: nullable(fc.float({ noNaN: true, noDefaultInfinity: true })),
  count: nullable(fc.integer()),
  large: nullable(fc.oneof(fc.maxSafeInteger(), fc.constantFrom('9223372036854775807', '-9007199254740993'))),
  isGood: nullable(fc.boolean()),
  day: nullable(time.map((date) => date.toISOString().slice(0, 10))),
  at: nullable(time.map((date) => date.toISOString().replace('Z', '007Z'))),
  rest: fc.oneof(fc.constant(null), fc.jsonValue({ maxDepth: 2 })),
  vector: nullable(fc.array(nullable(fc.float({ noNaN: true, noDefaultInfinity: true })), { maxLength: 4 })),
  box: nullable(fc.record({ x: nullable(fc.integer()), names: nullable(fc.array(nullable(text), { maxLength: 3 })) })),
});

/** Writes lines as a part, and returns the lines that are read back, and the path of the part. */
async function roundTrip(lines: readonly string[], format: PartFormat): Promise<{ back: string[]; part: string }> {
  const folder = await temporaryFolder();
  const path = await writeIn(folder, 'lines.jsonl', lines.map((line) => `${line}\n`).join(''));
  const writer = partWriter(format);
  const part = join(folder, `part${writer.suffix}`);
  await writer.writePart?.(path, part, format);
  return { back: await Array.fromAsync(writer.readLines(createReadStream(part), format)), part };
}

function line(id: string, value: unknown, others: object = {}): string {
  return JSON.stringify({ id, ...others, prediction: value, model: '0123456789ab' });
}

/** A value without -0, which JSON has not. */
function inJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

describe.each(['parquet', 'csv'])('results as %s', (format) => {
  test('are read back as they were, with one type for all predictions', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(text, prediction), { maxLength: 8 }), async (rows) => {
        const lines = rows.map(([id, value]) => line(id, inJson(value)));
        const { back } = await roundTrip(lines, { format, schema: SCHEMA });
        const wanted = lines.map((text) => JSON.parse(text) as { prediction: Record<string, unknown> });
        // A value that is null as JSON is the same as no value; an object of nulls in CSV is one of a null.
        expect(back.map((text) => JSON.parse(text))).toEqual(wanted);
      }),
      { numRuns: 30 },
    );
  });

  test('keep keys, joined inputs, lists of models and the exact text of predictions without a type', async () => {
    const lines = [
      '{"id":"a","key":"k,1","prediction":{"n":12345678901234567890,"f":1.0},"input":{"x":"\\"}"},"model":["m1","m2"]}',
      '{"id":"b","prediction":"te\\\\xt","input":[1,"]"],"model":"Own"}',
      '{"id":"c","key":"","prediction":null,"input":null,"model":[]}',
    ];
    expect((await roundTrip(lines, { format, join: 'input' })).back).toEqual(lines);
  });

  test.each<[OutputType, readonly unknown[]]>([
    ['string', ['a', '', null, 'null']],
    ['int64', [1, '9007199254740993', null]],
    ['double', [0.5, 'NaN', null]],
    [['float'], [[1, 0.5], [], null]],
  ])('may be of the bare type %j', async (schema, values) => {
    const lines = values.map((value, index) => line(String(index), value));
    expect((await roundTrip(lines, { format, schema })).back).toEqual(lines);
  });

  test('of no element are a file with columns', async () => {
    const { back, part } = await roundTrip([], { format, schema: SCHEMA });
    expect(back).toEqual([]);
    const instance = await DuckDBInstance.create();
    const connection = await instance.connect();
    const described = await connection.runAndReadAll(`DESCRIBE SELECT * FROM '${part}'`);
    expect(described.getRows().map(([name]) => name)).toEqual(
      format === 'csv' ? ['id', 'key', ...Object.keys(SCHEMA), 'model'] : ['id', 'key', 'prediction', 'model'],
    );
    connection.closeSync();
    instance.closeSync();
  });
});

test.each(['snappy', 'zstd', 'gzip', 'none'] as const)(
  'parts of %s with different predictions are one table for DuckDB',
  async (compression) => {
    const format = {
      format: 'parquet',
      schema: { x: 'double', s: 'string', v: ['float'], b: { n: 'int32' } },
      compression,
    } as const;
    const first = await roundTrip([line('a', { x: 1, s: null, v: [1, 2.5], b: { n: 3 } })], format);
    const second = await roundTrip(
      [line('b', { x: 1.5, s: 'text', v: null, b: null }), line('c', { x: 'NaN' })],
      format,
    );
    const instance = await DuckDBInstance.create();
    const connection = await instance.connect();
    const query = `SELECT id, prediction.x, prediction.s, prediction.v[2], prediction.b.n FROM read_parquet(['${first.part}', '${second.part}']) ORDER BY id`;
    const rows = (await connection.runAndReadAll(query)).getRows();
    expect(rows).toEqual([
      ['a', 1, null, 2.5, 3],
      ['b', 1.5, 'text', null, null],
      ['c', NaN, null, null, null],
    ]);
    connection.closeSync();
    instance.closeSync();
  },
);

describe('a prediction does not fit a type', () => {
  test.each<[OutputType, unknown, string]>([
    ['double', 'high', 'prediction must be double: it is text'],
    ['int32', 2 ** 31, 'prediction must be int32: it is the number 2147483648'],
    ['int32', 1.5, 'prediction must be int32: it is the number 1.5'],
    ['int64', '9223372036854775808', 'prediction must be int64: it is text'],
    ['bool', 1, 'prediction must be bool: it is the number 1'],
    ['date', '2023-02-30', 'prediction must be date: it is text'],
    ['timestamp', 'yesterday', 'prediction must be timestamp: it is text'],
    [['float'], { a: 1 }, 'prediction must be a list: it is an object'],
    [['float'], [1, 'x'], 'prediction[1] must be float: it is text'],
    [{ a: 'string' }, ['x'], 'prediction must be an object: it is a list'],
    [{ a: { b: 'bool' } }, { a: { b: 'yes' } }, 'prediction.a.b must be bool: it is text'],
    [{ a: 'string' }, { a: 'x', b: 1 }, "prediction.b is not in 'output.schema'"],
  ])('%j: %j', (type, value, problem) => {
    expect(misfit(value, type, 'prediction')).toBe(problem);
  });
});
