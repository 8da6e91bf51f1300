import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { filesBelow, linesIn } from '../cli/run-fabric.ts';
import { temporaryFolder, writeIn } from '../temporary-folder.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const NUMBERS = Array.from({ length: 250 }, (_, n) => n);

function recordsOf(numbers: readonly number[]): Uint8Array {
  return new Uint8Array(Float64Array.from(numbers).buffer);
}

/** Copy of the sources with one file and one entry of the registry more. */
let sources = '';

beforeAll(async () => {
  sources = await mkdtemp(join(tmpdir(), 'fabric-added-format-'));
  for (const name of ['lib', 'cli', 'functions', 'package.json'])
    await cp(join(root, name), join(sources, name), { recursive: true });
  await symlink(join(root, 'node_modules'), join(sources, 'node_modules'));
  const fixtures = join(root, 'test/formats/fixtures');
  await cp(join(fixtures, 'fixed-width.config.ts'), join(sources, 'fabric.config.ts'));
  const format = await readFile(join(fixtures, 'fixed-width.ts'), 'utf8');
  const inItsRoom = format.replaceAll("'../../../lib/formats/", "'./").replaceAll("'../../../lib/", "'../");
  await writeFile(join(sources, 'lib/formats/fixed-width.ts'), inItsRoom);
  const registry = join(sources, 'lib/formats/registry.ts');
  const entries = (await readFile(registry, 'utf8')).replace('const FORMATS = {', "$& 'fixed-width': fixedWidth,");
  await writeFile(registry, `import { fixedWidth } from './fixed-width.ts';\n${entries}`);
});

afterAll(() => rm(sources, { recursive: true, force: true }));

interface Ended {
  readonly status: number;
  readonly stderr: string;
}

function runSources(args: readonly string[]): Promise<Ended> {
  const { promise, resolve } = Promise.withResolvers<Ended>();
  const program = join(sources, 'cli/fabric.ts');
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
  const config = join(sources, 'fabric.config.ts');
  const args = ['run', pipeline, input, '--output', output, '--config', config, '--workers', '1', ...flags];
  const ended = await runSources(args);
  return { ended, results: join(output, pipeline, 'records.bin') };
}

describe('a format that is one file and one entry of the registry', () => {
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
