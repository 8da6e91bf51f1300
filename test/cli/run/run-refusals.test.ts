import { readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { fabric, filesBelow, linesIn, run, runArgs } from '../run-fabric.ts';
import { temporaryFolder, writeIn } from '../../temporary-folder.ts';
import { complaint, wrong } from '../complaints.ts';
import manifest from '../../../package.json' with { type: 'json' };
import { numbers, wine } from '../example-inputs.ts';

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

  test('runs what it can, names the other inputs on stderr and in its summary, and ends with 1', async () => {
    const folder = await temporaryFolder();
    await writeIn(folder, 'in/a.jsonl', numbers(1, 2));
    await writeIn(folder, 'in/b.jsonl.gz', gzipSync('{"n":1}\n').subarray(0, -12));
    await symlink('nowhere', join(folder, 'in/c\n.jsonl'));
    const inputs = [join(folder, 'in')];
    const { status, stdout, stderr } = await run('numbers', inputs, join(folder, 'out'), ['--json']);
    const reasons = ['Cannot decompress gzip: the object is cut short', 'it is a link to nowhere, which is not there'];
    expect(stderr.split('\n')).toEqual([
      `fabric: ${join(folder, 'in/b.jsonl.gz')}: ${reasons[0]}`,
      `fabric: ${join(folder, 'in/c\\n.jsonl')}: ${reasons[1]}`,
      '',
    ]);
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      succeeded: 2,
      rejected: ['b.jsonl.gz', 'c\n.jsonl'].map((name, index) => ({
        input: join(folder, 'in', name),
        reason: reasons[index],
      })),
      results: [join(folder, 'out/numbers/a.jsonl')],
    });
    expect(await filesBelow(join(folder, 'out/_rejected'))).toEqual([
      'numbers/b.jsonl.gz.json',
      'numbers/c%a.jsonl.json',
    ]);
  });

  test('ends with 1 where the folder of results is a file', async () => {
    const folder = await temporaryFolder();
    const input = await writeIn(folder, 'n.jsonl', numbers(1));
    const output = await writeIn(folder, 'mine.txt', 'mine');
    expect(complaint(await run('numbers', [input], output), 1)).toContain(output);
    expect(await readFile(output, 'utf8')).toBe('mine');
  });
});

describe('fabric run, used wrongly', () => {
  test('names the pipelines there are where there is no such one', async () => {
    const message = await wrong('whine', [wine], await temporaryFolder());
    expect(message).toMatch(/^there is no pipeline 'whine': the config has wine, rows, /);
  });

  test('says what is not there, or matches nothing', async () => {
    const folder = await temporaryFolder();
    const missing = join(folder, 'missing.jsonl');
    expect(await wrong('numbers', [missing], folder)).toBe(`there is no file or directory ${missing}`);
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
      `${join(output, 'numbers/n.jsonl')} already holds results: '--resume' continues them, '--overwrite' removes them and starts from scratch`,
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
      expect(stderr).toMatch(/^fabric: |^Usage: /);
    }
  });

  test('prints the version of the package', async () => {
    for (const flag of ['--version', '-V'])
      expect(await fabric([flag])).toEqual({ status: 0, stdout: `${manifest.version}\n`, stderr: '' });
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
    const config = fileURLToPath(new URL('../../config/fixtures/broken-rules.config.ts', import.meta.url));
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
