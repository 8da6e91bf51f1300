import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parquetMetadata } from 'hyparquet';
import type { InputOptions, ReadElement } from '../../../lib/formats/format.ts';
import { readAll } from '../reading.ts';
import { plain } from './expected-values.ts';

const FIXTURES = new URL('fixtures/', import.meta.url);

/** Files that test/export/parquet_files.py wrote with pyarrow. */
export const FILES = ['types', 'types-v2', 'nested', 'pages', 'walked', 'int96', 'empty'] as const;

export function fixturePath(name: string): string {
  return fileURLToPath(new URL(`${name}.parquet`, FIXTURES));
}

export function fixture(name: string): Promise<Buffer> {
  return readFile(fixturePath(name));
}

/** Returns where the first page of data of a column is. */
export function dataStart(file: Buffer, column: string): number {
  const [group] = parquetMetadata(file).row_groups;
  const chunk = group?.columns.find(({ meta_data }) => meta_data?.path_in_schema.join('.') === column);
  return Number(chunk?.meta_data?.data_page_offset);
}

/** Inputs of elements, or the names of their failures. */
export function rowsOf(elements: readonly ReadElement[]): unknown[] {
  return elements.map(({ input, failure }) => failure?.name ?? plain(input));
}

export async function readFixture(name: string, options: Partial<InputOptions> = {}): Promise<ReadElement[]> {
  return readAll(await fixture(name), 'parquet', options);
}
