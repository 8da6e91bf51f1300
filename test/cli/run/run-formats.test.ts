import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import { describe, expect, test } from 'vitest';
import { filesBelow, linesIn, run } from '../run-fabric.ts';
import { fixturePath } from '../../formats/parquet/parquet-files.ts';
import { temporaryFolder, writeIn } from '../../temporary-folder.ts';
import { digits, numbers } from '../example-inputs.ts';

describe('fabric run, by input format', () => {
  test('gives the same lines from .gz and .zst as from the plain file', async () => {
    const folder = await temporaryFolder();
    const text = numbers(...Array(40).keys());
    const inputs = [
      await writeIn(folder, 'n.jsonl', text),
      await writeIn(folder, 'n.jsonl.gz', gzipSync(text)),
      await writeIn(folder, 'n.jsonl.zst', zstdCompressSync(text)),
    ];
    const output = join(folder, 'out');
    expect((await run('numbers', inputs, output)).status).toBe(0);
    const [plain = [], ...packed] = await Promise.all(
      ['', '.gz', '.zst'].map(async (suffix) => {
        const lines = await linesIn(join(output, `numbers/n.jsonl${suffix}`));
        return lines.map(({ id, prediction }) => [id.replace(/^n\.jsonl.*#/, '#'), prediction]);
      }),
    );
    expect(plain).toHaveLength(40);
    expect(packed).toEqual([plain, plain]);
  });

  test('reads CSV with quoted newlines; a row that does not fit the model fails alone, and names the input', async () => {
    const folder = await temporaryFolder();
    const input = await writeIn(
      folder,
      'rows.csv',
      'id,a,b,c,note\nr1,1,2,3,"two\nlines, and a ""quote"""\nr2,4,,6,empty\nr3,n/a,8,9,text\nr4,7,0x10,9,hex\nr5,1e1, -2 ,.5,numbers\n',
    );
    expect((await run('rows', [input], join(folder, 'out'))).status).toBe(3);
    expect(await linesIn(join(folder, 'out/rows/rows.csv'))).toMatchObject([
      { id: 'r1', prediction: { y: [2, 4, 6] } },
      { id: 'r5', prediction: { y: [20, -4, 1] } },
      {
        id: 'r2',
        stage: 'inference',
        error: { message: expect.stringContaining("input 'x'[1] must be FP32: got empty text") },
        input: { note: 'empty' },
      },
      {
        id: 'r3',
        stage: 'inference',
        error: { message: expect.stringContaining("'x'[0] must be FP32: got a word for") },
      },
      {
        id: 'r4',
        stage: 'inference',
        error: { message: "input 'x'[1] must be FP32: got text that is not such a number" },
      },
    ]);
  });

  test('reads a JSON array, and text line by line', async () => {
    const folder = await temporaryFolder();
    const array = await writeIn(folder, 'array.json', '[[1,2,3],\n {"x":[4,5,6]},\n "seven"]');
    expect((await run('array', [array], join(folder, 'out'))).status).toBe(3);
    expect(await linesIn(join(folder, 'out/array/array.json'))).toMatchObject([
      { id: 'array.json#0', prediction: { y: [2, 4, 6] } },
      { id: 'array.json#1', prediction: { y: [8, 10, 12] } },
      { id: 'array.json#2', stage: 'inference' },
    ]);
    const text = await writeIn(folder, 'poem.txt', 'one\n\nthrée\r\nlast');
    expect((await run('lines', [text], join(folder, 'out'))).status).toBe(0);
    expect(await linesIn(join(folder, 'out/lines/poem.txt'))).toMatchObject([
      { id: 'poem.txt#0', prediction: 3, input: 'one' },
      { id: 'poem.txt#4', prediction: 0, input: '' },
      { id: 'poem.txt#5', prediction: 5, input: 'thrée' },
      { id: 'poem.txt#13', prediction: 4, input: 'last' },
    ]);
  });

  test('makes one job of a directory of images, as many of them as --limit says', async () => {
    const folder = await temporaryFolder();
    const { status, stdout } = await run('images', [digits], join(folder, 'out'), ['--limit', '5', '--json']);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ total: 5, succeeded: 5 });
    const lines = await linesIn(join(folder, 'out/images/digits'));
    expect(lines.map(({ id }) => id)).toEqual([0, 1, 2, 3, 4].map((index) => `digits#${index}`));
    expect(lines[0]?.prediction).toMatchObject({ contentType: 'image/png' });
  });

  test('answers a single image by a file of its own', async () => {
    const folder = await temporaryFolder();
    const { status } = await run('images', [join(digits, 'digit-0001.png')], join(folder, 'out'));
    expect(status).toBe(0);
    expect(await filesBelow(join(folder, 'out/images'))).toEqual(['digit-0001.png.json']);
    const answer = await readFile(join(folder, 'out/images/digit-0001.png.json'), 'utf8');
    expect(JSON.parse(answer)).toMatchObject({ id: 'digit-0001.png#0', prediction: { contentType: 'image/png' } });
  });

  test('rejects a Parquet file that was cut short, by name, and runs the others', async () => {
    const folder = await temporaryFolder();
    const table = await readFile(fixturePath('pages'));
    const inputs = [
      await writeIn(folder, 'cut.parquet', table.subarray(0, 5000)),
      await writeIn(folder, 'whole.parquet', table),
    ];
    const { status, stderr } = await run('sales', inputs, join(folder, 'out'));
    expect(status).toBe(1);
    expect(stderr).toContain('cut.parquet');
    expect(stderr).toContain("it does not end with 'PAR1': it was cut short");
    expect(await linesIn(join(folder, 'out/sales/whole.parquet'))).toHaveLength(400);
  });

  test('reads the folders of Parquet files as fields', async () => {
    const folder = await temporaryFolder();
    const table = await readFile(fixturePath('pages'));
    for (const country of ['de', 'us']) await writeIn(folder, `sales/country=${country}/part-0.parquet`, table);
    expect((await run('sales', [join(folder, 'sales')], join(folder, 'out'), ['--limit', '2'])).status).toBe(0);
    for (const country of ['de', 'us']) {
      const lines = await linesIn(join(folder, `out/sales/country=${country}/part-0.parquet`));
      expect(lines).toMatchObject([
        { id: 'r0', key: country, prediction: { id: 'r0', c3: 0, country } },
        { id: 'r1', key: country, prediction: { id: 'r1', c3: 1, country } },
      ]);
    }
    const grouped = await run('sales-by-country', [join(folder, 'sales')], join(folder, 'out'), ['--limit', '2']);
    expect(grouped.status).toBe(0);
    const lines = await linesIn(join(folder, 'out/sales-by-country/country=us/part-0.parquet'));
    expect(lines.map(({ prediction }) => prediction)).toEqual([
      ['us', 'us'],
      ['us', 'us'],
    ]);
  });

  test('writes Parquet with the same rows by 1 and by 3 workers; a prediction of another type fails alone', async () => {
    const folder = await temporaryFolder();
    const input = await writeIn(folder, 'n.jsonl', numbers(...Array(60).keys()));
    const instance = await DuckDBInstance.create();
    const connection = await instance.connect();
    const rows = async (workers: string): Promise<unknown> => {
      const output = join(folder, `out-${workers}`);
      const { status, stdout } = await run('to-table', [input], output, ['--workers', workers, '--json']);
      expect(status).toBe(3);
      expect(JSON.parse(stdout)).toMatchObject({ total: 60, succeeded: 54, failed: 6 });
      const results = join(output, 'to-table/n.jsonl');
      const failures = (await filesBelow(results)).find((path) => path.startsWith('_errors/')) ?? '';
      const [failure = ''] = (await readFile(join(results, failures), 'utf8')).split('\n');
      expect(JSON.parse(failure)).toMatchObject({
        stage: 'write',
        error: { name: 'SchemaMismatch', message: 'prediction.n must be int32: it is text' },
        input: { n: 3 },
      });
      const table = `read_parquet('${output}/to-table/**/part-*', file_row_number = true)`;
      const query = `SELECT id, key, prediction.n, prediction.list[1], model FROM ${table} ORDER BY filename, file_row_number`;
      return (await connection.runAndReadAll(query)).getRows();
    };
    const one = await rows('1');
    expect(one).toHaveLength(54);
    expect(await rows('3')).toEqual(one);
    connection.closeSync();
    instance.closeSync();
  });

  test('runs only the first elements of each input with --limit', async () => {
    const folder = await temporaryFolder();
    for (const name of ['a', 'b']) await writeIn(folder, `in/${name}.jsonl`, numbers(...Array(30).keys()));
    const { stdout } = await run('numbers', [join(folder, 'in')], join(folder, 'out'), ['--limit', '7', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ total: 14 });
    for (const name of ['a', 'b']) expect(await linesIn(join(folder, `out/numbers/${name}.jsonl`))).toHaveLength(7);
  });
});
