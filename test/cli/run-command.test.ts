import { readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { configPath, type Ended, fabric, filesBelow, linesIn, run, runArgs } from './run-fabric.ts';
import { temporaryFolder, writeIn } from '../temporary-folder.ts';

const wine = fileURLToPath(new URL('../../examples/data/wine.jsonl', import.meta.url));
const digits = fileURLToPath(new URL('../../examples/data/digits', import.meta.url));

const numbers = (...ns: readonly number[]): string => ns.map((n) => `{"n":${n}}\n`).join('');

/** Expects one clear line on stderr and nothing else; gives it without its `fabric: `. */
function complaint({ status, stdout, stderr }: Ended, expected: number): string {
  expect(stderr).toMatch(/^fabric: [^\n]*\n$/);
  expect(stderr).not.toMatch(/\n\s+at /);
  expect(stdout).toBe('');
  expect(status).toBe(expected);
  return stderr.slice('fabric: '.length, -1);
}

/** Runs with status 2 and one clear line, and nothing is written. */
async function wrong(pipeline: string, inputs: readonly string[], folder: string): Promise<string> {
  const before = await filesBelow(folder);
  const message = complaint(await run(pipeline, inputs, join(folder, 'out')), 2);
  expect(await filesBelow(folder)).toEqual(before);
  return message;
}

describe('fabric run', () => {
  test('runs a real model on real data: exit status 0, a table, and nothing on stderr where that is no terminal', async () => {
    const folder = await temporaryFolder();
    // Relative paths of inputs and results are the caller's, those in the config are the config's.
    await writeIn(folder, 'wine.jsonl', await readFile(wine));
    const args = ['run', 'wine', 'wine.jsonl', '--output', 'out', '--config', configPath];
    const { status, stdout, stderr } = await fabric(args, { cwd: folder });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/succeeded\s+│\s+54/);
    expect(stdout).toContain('out/wine/wine.jsonl');
    const lines = await linesIn(join(folder, 'out/wine/wine.jsonl'));
    const sources = (await readFile(wine, 'utf8')).split('\n').filter(Boolean);
    expect(lines.map(({ id }) => id)).toEqual(sources.map((line) => (JSON.parse(line) as { id: string }).id));
    const labels = lines.map(({ prediction }) => (prediction as { label: number }).label);
    const right = sources.filter(
      (line, index) => (JSON.parse(line) as { cultivar: number }).cultivar === labels[index],
    );
    expect(right.length).toBeGreaterThan(50);
  });

  test('prints one JSON object and nothing else with --json', async () => {
    const folder = await temporaryFolder();
    const output = join(folder, 'out');
    const { status, stdout, stderr } = await run('wine', [wine], output, ['--json']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^\{.*\}\n$/);
    expect(JSON.parse(stdout)).toMatchObject({
      pipeline: 'wine',
      output,
      total: 54,
      succeeded: 54,
      failed: 0,
      failedByStage: {},
      stopped: 0,
      results: [join(output, 'wine/wine.jsonl')],
    });
    const [label = ''] = Object.keys((JSON.parse(stdout) as { models: object }).models);
    expect(label).toMatch(/^[0-9a-f]{12}$/);
  });

  test('ends with 3 where some elements failed, and says at which stage', async () => {
    const folder = await temporaryFolder();
    const input = await writeIn(folder, 'n.jsonl', `${numbers(1, -2, 3)}not json\n`);
    const { status, stdout, stderr } = await run('numbers', [input], join(folder, 'out'));
    expect({ status, stderr }).toEqual({ status: 3, stderr: '' });
    expect(stdout).toMatch(/at map\s+│\s+1/);
    expect(stdout).toMatch(/at read\s+│\s+1/);
    expect(await linesIn(join(folder, 'out/numbers/n.jsonl'))).toMatchObject([
      { id: 'n.jsonl#0', prediction: 2 },
      { id: 'n.jsonl#17', prediction: 6 },
      { id: 'n.jsonl#8', stage: 'map', error: { name: 'RangeError', message: 'no negative numbers' } },
      { id: 'n.jsonl#25', stage: 'read', input: 'not json' },
    ]);
  });

  test('ends with 1 where a job was stopped for too many failures, without _SUCCESS', async () => {
    const folder = await temporaryFolder();
    const input = await writeIn(folder, 'n.jsonl', numbers(...Array(200).keys()));
    const { status, stdout } = await run('strict', [input], join(folder, 'out'), ['--json']);
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ stopped: 1, succeeded: 0 });
    const files = await filesBelow(join(folder, 'out/strict/n.jsonl'));
    expect(files).toContain('manifest.json');
    expect(files).not.toContain('_SUCCESS');
  });

  test('succeeds on empty inputs with zeros and _SUCCESS: JSON lines, a CSV of a header, an empty JSON array', async () => {
    const folder = await temporaryFolder();
    for (const [pipeline, name, text] of [
      ['numbers', 'empty.jsonl', ''],
      ['rows', 'empty.csv', ''],
      ['rows', 'header.csv', 'id,a,b,c\n'],
      ['array', 'empty.json', '[]'],
    ] as const) {
      const output = join(folder, `of ${name}`);
      const { status, stdout } = await run(pipeline, [await writeIn(folder, name, text)], output, ['--json']);
      expect({ name, status }).toEqual({ name, status: 0 });
      expect(JSON.parse(stdout)).toMatchObject({ total: 0, succeeded: 0, failed: 0 });
      const files = await filesBelow(join(output, pipeline, name));
      expect(files).toEqual(['_SUCCESS', 'job.json', 'manifest.json']);
    }
  });

  test('checks config, inputs and models with --dry-run, and writes nothing', async () => {
    const folder = await temporaryFolder();
    const output = join(folder, 'out');
    expect(await run('wine', [wine], output, ['--dry-run'])).toMatchObject({
      status: 0,
      stdout: 'config, 1 model and 1 input are fine; nothing was run\n',
    });
    const { stdout } = await run('wine', [wine], output, ['--dry-run', '--json']);
    expect(JSON.parse(stdout)).toEqual({ dryRun: true, inputs: 1, models: 1 });
    expect(complaint(await run('corrupt', [wine], output, ['--dry-run']), 1)).toContain('corrupt.onnx');
    const { status, stderr: missing } = await run('variants', [wine], output, ['--dry-run']);
    expect(status).toBe(1);
    expect(missing).toContain("2 of 4 models can't be found");
    for (const [mapping, name] of [
      [1, 'missing.onnx'],
      [2, 'current.json'],
    ]) {
      expect(missing).toMatch(
        new RegExp(`steps\\[0\\].handler.mappings\\[${mapping}\\].handler: .*/${name} can't be read`),
      );
    }
    expect(await filesBelow(output)).toEqual([]);
  });
});

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
    const message =
      "input 'x' must be FP32 of shape [N, 3], the first being the batch: got a string that is not such a number";
    expect(await linesIn(join(folder, 'out/rows/rows.csv'))).toMatchObject([
      { id: 'r1', prediction: { y: [2, 4, 6] } },
      { id: 'r5', prediction: { y: [20, -4, 1] } },
      { id: 'r2', stage: 'inference', error: { message }, input: { note: 'empty' } },
      { id: 'r3', stage: 'inference', error: { message } },
      { id: 'r4', stage: 'inference', error: { message } },
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

  test('runs only the first elements of each input with --limit', async () => {
    const folder = await temporaryFolder();
    for (const name of ['a', 'b']) await writeIn(folder, `in/${name}.jsonl`, numbers(...Array(30).keys()));
    const { stdout } = await run('numbers', [join(folder, 'in')], join(folder, 'out'), ['--limit', '7', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ total: 14 });
    for (const name of ['a', 'b']) expect(await linesIn(join(folder, `out/numbers/${name}.jsonl`))).toHaveLength(7);
  });
});

describe('fabric run, where the run can not go on', () => {
  test.each([
    ['missing', /missing\.onnx can't be read: ENOENT/],
    ['corrupt', /corrupt\.onnx can't be loaded: /],
  ])('ends with 1 for a %s model, and writes nothing', async (pipeline, message) => {
    const folder = await temporaryFolder();
    const input = await writeIn(folder, 'n.jsonl', numbers(1));
    expect(complaint(await run(pipeline, [input], join(folder, 'out')), 1)).toMatch(message);
    expect(await filesBelow(join(folder, 'out'))).toEqual([]);
  });

  test('ends with 1 for an object that is not what its name says', async () => {
    const folder = await temporaryFolder();
    const input = await writeIn(folder, 'n.jsonl.gz', 'not gzip');
    expect(complaint(await run('numbers', [input], join(folder, 'out')), 1)).toContain('Cannot decompress gzip');
    expect(await filesBelow(join(folder, 'out/numbers'))).toEqual([]);
  });

  test('ends with 1 where the folder of results is a file', async () => {
    const folder = await temporaryFolder();
    const input = await writeIn(folder, 'n.jsonl', numbers(1));
    expect(complaint(await run('numbers', [input], input), 1)).toContain(input);
    expect(await readFile(input, 'utf8')).toBe(numbers(1));
  });
});

describe('fabric run, used wrongly', () => {
  test('names the pipelines there are where there is no such one', async () => {
    const message = await wrong('whine', [wine], await temporaryFolder());
    expect(message).toMatch(/^there is no pipeline 'whine': the config has wine, rows, /);
  });

  test('says what is not there, or matches nothing', async () => {
    const folder = await temporaryFolder();
    await symlink(join(folder, 'nowhere'), join(folder, 'dangling.jsonl'));
    const missing = join(folder, 'missing.jsonl');
    expect(await wrong('numbers', [missing], folder)).toBe(`there is no file or directory ${missing}`);
    const dangling = join(folder, 'dangling.jsonl');
    expect(await wrong('numbers', [dangling], folder)).toBe(`there is no file or directory ${dangling}`);
    const glob = join(folder, '*.csv');
    expect(await wrong('numbers', [glob], folder)).toBe(`no file matches ${glob}`);
  });

  test('refuses two inputs that would share a folder of results', async () => {
    const folder = await temporaryFolder();
    const inputs = [await writeIn(folder, 'x/n.jsonl', ''), await writeIn(folder, 'y/n.jsonl', '')];
    expect(await wrong('numbers', inputs, folder)).toBe(
      `${inputs[0]} and ${inputs[1]} would both have their results in 'n.jsonl'`,
    );
  });

  test('refuses results in a folder of objects that is read', async () => {
    const folder = await temporaryFolder();
    await writeIn(folder, 'a.png', '');
    expect(await wrong('images', [folder], folder)).toBe(
      `'--output' must not lie in an input: ${join(folder, 'out')} is in ${folder}`,
    );
  });

  test('refuses a folder that already holds results, and says how to go on; both ways work', async () => {
    const folder = await temporaryFolder();
    const input = await writeIn(folder, 'n.jsonl', numbers(1, 2, 3));
    const output = join(folder, 'out');
    const again = async (flags: readonly string[]): Promise<number | null> =>
      (await run('numbers', [input], output, flags)).status;
    expect(await again([])).toBe(0);
    expect(await wrong('numbers', [input], folder)).toBe(
      `${join(output, 'numbers/n.jsonl')} already holds results: '--resume' goes on with them, '--overwrite' starts anew`,
    );
    expect(await again(['--resume'])).toBe(0);
    await writeFile(input, numbers(1, 2));
    expect(await again(['--overwrite'])).toBe(0);
    expect(await linesIn(join(output, 'numbers/n.jsonl'))).toHaveLength(2);
  });

  test.each([
    ['--resume and --overwrite together', ['--resume', '--overwrite'], /--resume.*cannot be used with.*--overwrite/],
    ['workers that are no number', ['--workers', 'two'], /--workers <n>' argument 'two' is invalid/],
    ['a limit of none', ['--limit', '0'], /--limit <n>' argument '0' is invalid/],
    ['an option that it does not have', ['--fast'], /unknown option '--fast'/],
  ])('refuses %s', async (_what, flags, message) => {
    const folder = await temporaryFolder();
    const { status, stderr, stdout } = await run('numbers', [wine], join(folder, 'out'), flags);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(await filesBelow(folder)).toEqual([]);
  });

  test('wants a folder for the results, an input and a command', async () => {
    for (const args of [['run', 'numbers', wine], ['run', 'numbers', '--output', 'out'], ['fly'], []]) {
      const { status, stderr, stdout } = await fabric(args);
      expect({ args, status, stdout }).toEqual({ args, status: 2, stdout: '' });
      expect(stderr).toMatch(/error: |Usage: /);
    }
  });

  test('helps, and ends with 0', async () => {
    const { status, stdout } = await fabric(['run', '--help']);
    expect(status).toBe(0);
    expect(stdout).toContain('--resume');
  });

  test('ends with 2 for a config that is missing, can not be imported or exports no fabric', async () => {
    const folder = await temporaryFolder();
    const configs: readonly (readonly [name: string, text: string | undefined, message: RegExp])[] = [
      ['missing.mjs', undefined, /^there is no config file .*missing\.mjs$/],
      ['syntax.mjs', 'export default {', /syntax\.mjs can't be imported: /],
      ['other.mjs', 'export default {}', /other\.mjs must export a fabric by default/],
    ];
    for (const [name, text, message] of configs) {
      if (text !== undefined) await writeIn(folder, name, text);
      const args = [...runArgs('numbers', [wine], join(folder, 'out')), '--config', join(folder, name)];
      expect(complaint(await fabric(args), 2)).toMatch(message);
      expect(await filesBelow(join(folder, 'out'))).toEqual([]);
    }
  });

  test('names every rule that a config breaks, a line for each', async () => {
    const folder = await temporaryFolder();
    const config = fileURLToPath(new URL('../config/fixtures/broken-rules.config.ts', import.meta.url));
    const args = [...runArgs('shout', [wine], join(folder, 'out')), '--config', config];
    const { status, stderr } = await fabric(args);
    expect(status).toBe(2);
    expect(stderr.split('\n')).toEqual([
      `fabric: ${config}:`,
      'pipelines.shout.input.bundleBytes must be a positive integer: current value is 0',
      'pipelines.shout.maxFailures must be a whole number, 0 or more: current value is -1',
      '',
    ]);
    expect(await filesBelow(folder)).toEqual([]);
  });
});
