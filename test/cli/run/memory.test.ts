import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { fabric } from '../run-fabric.ts';

const config = fileURLToPath(new URL('../fixtures/memory.config.ts', import.meta.url));
const preload = new URL('../fixtures/report-memory.ts', import.meta.url).href;
const LIMIT_MIB = 400;
const ROWS_PER_WRITE = 10_000;

/** Writes `rows` lines of 30 numbers, about 230 bytes each. */
async function writeRows(path: string, rows: number): Promise<void> {
  const file = createWriteStream(path);
  const line = `{"x":[${Array.from({ length: 30 }, (_, index) => (index * 0.1234 - 1.5).toFixed(4)).join(',')}]}\n`;
  for (let row = 0; row < rows; row += ROWS_PER_WRITE) file.write(line.repeat(Math.min(ROWS_PER_WRITE, rows - row)));
  file.end();
  await finished(file);
}

/** The most memory, in MiB, that a run of so many rows takes with two workers, its model hosts aside. */
async function peakMemoryMib(pipeline: string, rows: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'fabric-memory-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const input = join(folder, 'rows.jsonl');
  await writeRows(input, rows);
  const args = [
    'run',
    pipeline,
    input,
    '--output',
    join(folder, 'out'),
    '--config',
    config,
    '--workers',
    '2',
    '--json',
  ];
  const { status, stdout, stderr } = await fabric(args, { env: { NODE_OPTIONS: `--import=${preload}` } });
  expect(status, stderr).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ total: rows, succeeded: rows });
  return Number(/peak memory: (\d+) KiB/.exec(stderr)?.[1]) / 1024;
}

describe('the memory of fabric run', () => {
  test('stays under 400 MiB and does not grow with the file', async () => {
    const small = await peakMemoryMib('rows', 50_000);
    const large = await peakMemoryMib('rows', 350_000);
    expect(large).toBeLessThan(LIMIT_MIB);
    // Seven times the file, 70 MB more of it.
    expect(large - small).toBeLessThan(60);
  }, 60_000);

  test('stays under 400 MiB where predictions are a hundred times the size of their inputs', async () => {
    expect(await peakMemoryMib('wide', 12_000)).toBeLessThan(LIMIT_MIB);
  }, 60_000);
});
