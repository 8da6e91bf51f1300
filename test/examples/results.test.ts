import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fabricHere } from '../fabric-here.ts';
import { ROOT, temporaryFolder } from './run-fabric.ts';

let output: Awaited<ReturnType<typeof temporaryFolder>>;
let database: DuckDBInstance;

beforeAll(async () => {
  output = await temporaryFolder();
  database = await DuckDBInstance.create(':memory:');
  const args = ['run', 'reviews', 'examples/custom-handler/reviews.txt', '--workers', '1'];
  const config = ['--config', 'examples/custom-handler/fabric.config.ts', '--output', output.path];
  expect((await fabricHere([...args, ...config])).status).toBe(3);
  const tables = ['run', 'parquet', 'examples/data/formats/planets.parquet', '--workers', '1'];
  const formats = ['--config', 'examples/formats/fabric.config.ts', '--output', output.path];
  expect((await fabricHere([...tables, ...formats])).status).toBe(0);
});

afterAll(async () => {
  database.closeSync();
  await output[Symbol.asyncDispose]();
});

async function query(sql: string): Promise<readonly Record<string, unknown>[]> {
  const connection = await database.connect();
  try {
    return (await connection.runAndReadAll(sql)).getRowObjectsJson();
  } finally {
    connection.closeSync();
  }
}

describe('a folder of results', () => {
  test('is a data set of predictions', async () => {
    const rows = await query(`SELECT * FROM read_json('${output.path}/reviews/**/part-*') ORDER BY id`);
    expect(rows).toHaveLength(5);
    for (const row of rows) expect(Object.keys(row)).toEqual(['id', 'prediction', 'input', 'model']);
  });

  test('is queried as docs/results.md says', async () => {
    const page = await readFile(join(ROOT, 'docs/results.md'), 'utf8');
    const queries = Array.from(page.matchAll(/^```sql\n(.*?)^```$/gms), ([, sql = '']) => sql);
    const answers = [];
    for (const sql of queries) answers.push(await query(sql.replaceAll("'out/", `'${output.path}/`)));
    const [sentiments, failures, counts, planets] = answers;
    expect(sentiments?.reduce((sum, { reviews }) => sum + Number(reviews), 0)).toBe(5);
    expect(failures).toEqual([{ stage: 'inference', name: 'RangeError', failures: '1' }]);
    expect(counts).toEqual([{ status: 'complete', total: '6', succeeded: '5', failed: '1' }]);
    expect(planets).toEqual([
      { id: 'Earth', moons: 1 },
      { id: 'Mars', moons: 2 },
      { id: 'Neptune', moons: 16 },
      { id: 'Venus', moons: null },
    ]);
    expect(answers).toHaveLength(4);
  });
});
