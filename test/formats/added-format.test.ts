import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { filesBelow, linesIn } from '../cli/run-fabric.ts';
import { temporaryFolder, writeIn } from '../temporary-folder.ts';

// The sources as a process: the registry in which the config adds its format is the one of the workers too.
const program = fileURLToPath(new URL('../../cli/fabric.ts', import.meta.url));
const config = fileURLToPath(new URL('./fixtures/fixed-width.config.ts', import.meta.url));
const NUMBERS = Array.from({ length: 250 }, (_, n) => n);

function recordsOf(numbers: readonly number[]): Uint8Array {
  return new Uint8Array(Float64Array.from(numbers).buffer);
}

interface Ended {
  readonly status: number;
  readonly stderr: string;
}

function runSources(args: readonly string[]): Promise<Ended> {
  const { promise, resolve } = Promise.withResolvers<Ended>();
  const child = execFile(process.execPath, ['-C', '@inference-fabric/source', program, ...args], (_, __, stderr) =>
    resolve({ status: child.exitCode ?? -1, stderr }),
  );
  return promise;
}

/** Runs a pipeline over one file; returns how the command ended, and the folder of its results. */
async function runOver(pipeline: string, content: Uint8Array, flags: readonly string[] = []) {
  const folder = await temporaryFolder();
  const input = await writeIn(folder, 'records.bin', content);
  const output = join(folder, 'out');
  const args = ['run', pipeline, input, '--output', output, '--config', config, '--workers', '1', ...flags];
  const ended = await runSources(args);
  return { ended, results: join(output, pipeline, 'records.bin') };
}

describe('a format that is only added to the registry', () => {
  test('is planned by its elements and read from any of them, with their indexes as ids', async () => {
    const { ended, results } = await runOver('records', recordsOf(NUMBERS));
    expect(ended).toMatchObject({ status: 0 });
    const parts = (await filesBelow(results)).filter((path) => path.startsWith('part-'));
    expect(parts).toHaveLength(3);
    expect(await linesIn(results)).toMatchObject(NUMBERS.map((n) => ({ id: `records.bin#${n}`, prediction: 2 * n })));
  });

  test('can be limited', async () => {
    const { results } = await runOver('records', recordsOf(NUMBERS), ['--limit', '120']);
    expect(await linesIn(results)).toHaveLength(120);
  });

  test('can be grouped by key', async () => {
    const { ended, results } = await runOver('grouped', recordsOf(NUMBERS));
    expect(ended).toMatchObject({ status: 0 });
    const values = (await linesIn(results)).map(({ prediction }) => Number(prediction) / 2);
    expect(values).toHaveLength(NUMBERS.length);
    expect(values.slice(0, 125).every((n) => n % 2 === (values[0] ?? 0) % 2)).toBe(true);
    expect(values.toSorted((a, b) => a - b)).toEqual(NUMBERS);
  });

  test.each([
    ['an object that is not of its records', recordsOf(NUMBERS).subarray(0, 1001)],
    ['a compressed one', gzipSync(recordsOf(NUMBERS))],
  ])('refuses %s in its own words', async (_, content) => {
    const { ended } = await runOver('records', content);
    expect(ended.status).not.toBe(0);
    expect(ended.stderr).toContain('it is not records of 8 bytes');
  });
});
