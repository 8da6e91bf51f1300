import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { openFileSource } from '../../lib/stores/file-source.ts';
import { expectedRows, plain } from '../formats/parquet/expected-values.ts';
import { inputOptions, readBundles } from '../formats/reading.ts';

const SCRIPT = fileURLToPath(new URL('parquet_files.py', import.meta.url));
const MIN_FILES = 50;

let folder = '';
let files: readonly string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fabric-parquet-'));
  await promisify(execFile)(inject('parquetPython'), [SCRIPT, folder]);
  files = (await readdir(folder)).filter((name) => name.endsWith('.parquet'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('files that pyarrow, Polars and DuckDB wrote', () => {
  test.each([
    ['whole row groups', 64 * 1024 * 1024],
    ['small bundles', 40_000],
  ])('have the values that pyarrow reads, in %s', async (_, bundleBytes) => {
    expect(files.length).toBeGreaterThan(MIN_FILES);
    for (const name of files) {
      const path = join(folder, name);
      await using source = await openFileSource(path);
      const { bundles } = await readBundles(source, inputOptions('parquet', { bundleBytes }));
      const rows = bundles.flat();
      const expected = await expectedRows(path);
      expect(rows, name).toHaveLength(expected.length);
      const wrong = rows.findIndex(({ failure, input, position }, index) => {
        if (failure !== undefined || position !== index) return true;
        return JSON.stringify(sorted(plain(input))) !== JSON.stringify(sorted(expected[index]));
      });
      if (wrong !== -1) expect({ name, row: plain(rows[wrong]?.input) }).toEqual({ name, row: expected[wrong] });
      expect(wrong, name).toBe(-1);
    }
  });
});

/** Returns a value whose fields are in one order: maps have none. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(fields.map(([name, item]) => [name, sorted(item)]));
}
