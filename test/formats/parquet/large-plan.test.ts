import { ByteWriter } from 'hyparquet-writer';
import { writeMetadata } from 'hyparquet-writer/src/metadata.js';
import { expect, test } from 'vitest';
import { planObject } from '../../../lib/formats/plan-object.ts';
import { inputOptions } from '../reading.ts';
import { recordingSource, syntheticSource } from '../sources.ts';

type FileMetaData = Parameters<typeof writeMetadata>[1];
type ColumnMetaData = NonNullable<FileMetaData['row_groups'][number]['columns'][number]['meta_data']>;

const GROUPS = 1000;
const COLUMNS = 20;
const TERABYTE = 10 ** 12;
const CHUNK_BYTES = TERABYTE / (GROUPS * COLUMNS);
const ROWS = 5_000_000;

/** Returns the footer of a file of a terabyte, whose bytes before it are never made. */
function footer(): Buffer {
  const names = Array.from({ length: COLUMNS }, (_, column) => `c${column}`);
  const chunk = (name: string, index: number): ColumnMetaData => ({
    type: 'DOUBLE',
    encodings: ['PLAIN'],
    path_in_schema: [name],
    codec: 'SNAPPY',
    num_values: BigInt(ROWS),
    total_uncompressed_size: BigInt(CHUNK_BYTES),
    total_compressed_size: BigInt(CHUNK_BYTES),
    data_page_offset: BigInt(4 + index * CHUNK_BYTES),
  });
  const metadata: FileMetaData = {
    version: 2,
    created_by: 'test',
    num_rows: BigInt(GROUPS * ROWS),
    metadata_length: 0,
    schema: [
      { name: 'schema', num_children: COLUMNS },
      ...names.map((name) => ({ name, type: 'DOUBLE' as const, repetition_type: 'REQUIRED' as const })),
    ],
    row_groups: Array.from({ length: GROUPS }, (_, group) => ({
      columns: names.map((name, column) => ({ file_offset: 4n, meta_data: chunk(name, group * COLUMNS + column) })),
      total_byte_size: BigInt(COLUMNS * CHUNK_BYTES),
      num_rows: BigInt(ROWS),
    })),
  };
  const writer = new ByteWriter();
  writeMetadata(writer, metadata);
  return Buffer.concat([writer.getBytes(), Buffer.from('PAR1')]);
}

test('a Parquet file of a terabyte is planned in seconds, from its last megabyte', async () => {
  const end = footer();
  const start = 4 + TERABYTE;
  const source = recordingSource(
    syntheticSource(start + end.length, (from, to) => {
      expect(from).toBeGreaterThanOrEqual(start - 512 * 1024);
      const bytes = Buffer.alloc(to - from);
      end.copy(bytes, Math.max(0, start - from), Math.max(0, from - start), to - start);
      return bytes;
    }),
  );
  const startedAt = performance.now();
  const plan = await planObject(source, inputOptions('parquet', { maxElements: GROUPS * ROWS }));
  expect(plan).toMatchObject({ kind: 'rows', rows: GROUPS * ROWS });
  expect(plan.kind === 'rows' && plan.starts).toHaveLength(GROUPS);
  expect(source.given.reduce((sum, range) => sum + range.end - range.start, 0)).toBeLessThan(2_000_000);
  expect(source.asked.length).toBeLessThanOrEqual(2);
  expect(performance.now() - startedAt).toBeLessThan(5000);
});
