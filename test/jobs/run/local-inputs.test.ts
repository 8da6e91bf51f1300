import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { FormatName } from '../../../lib/formats/registry.ts';
import { findInputs } from '../../../lib/jobs/run/find-inputs.ts';
import { InputError } from '../../../lib/jobs/run/run-input.ts';
import { temporaryFolder, writeIn } from '../../temporary-folder.ts';

async function folderOf(...names: readonly string[]): Promise<string> {
  const folder = await temporaryFolder();
  for (const name of names) await writeIn(folder, name, '{}\n');
  return folder;
}

async function found(args: readonly string[], format: FormatName = 'jsonl'): Promise<string[]> {
  return (await findInputs(args, format)).map(({ kind, name }) => `${kind} ${name}`);
}

async function refusal(args: readonly string[], format: FormatName = 'jsonl'): Promise<string> {
  const error = await findInputs(args, format).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(InputError);
  return (error as InputError).message;
}

describe('findInputs', () => {
  test('calls a file by its name', async () => {
    const folder = await folderOf('deep/wine.jsonl');
    const path = join(folder, 'deep/wine.jsonl');
    expect(await findInputs([path], 'jsonl')).toEqual([{ kind: 'object', uri: path, name: 'wine.jsonl' }]);
  });

  test("calls a directory's files by their paths below it, in order, and leaves hidden ones out", async () => {
    const folder = await folderOf('b.jsonl', 'a/z.jsonl', 'a/B.jsonl', '.hidden', '.git/config', 'a/.hidden');
    expect(await found([folder])).toEqual(['object a/B.jsonl', 'object a/z.jsonl', 'object b.jsonl']);
    expect(await found([`${folder}/`])).toHaveLength(3);
  });

  test("calls a glob's files by their paths below its last fixed folder", async () => {
    const folder = await folderOf('2024/01/a.jsonl', '2024/01/b.csv', '2024/02/a.jsonl', '2025/01/a.jsonl');
    expect(await found([join(folder, '2024/*/*.jsonl')])).toEqual(['object 01/a.jsonl', 'object 02/a.jsonl']);
    expect(await found([join(folder, '**/a.jsonl')])).toEqual([
      'object 2024/01/a.jsonl',
      'object 2024/02/a.jsonl',
      'object 2025/01/a.jsonl',
    ]);
    expect(await found([join(folder, '2024/01/*')])).toEqual(['object a.jsonl', 'object b.csv']);
  });

  test('takes a file whose name looks like a glob', async () => {
    const folder = await folderOf('a[1].jsonl', 'a1.jsonl');
    expect(await found([join(folder, 'a[1].jsonl')])).toEqual(['object a[1].jsonl']);
  });

  test('follows a link to a file', async () => {
    const folder = await folderOf('a.jsonl');
    await symlink(join(folder, 'a.jsonl'), join(folder, 'link.jsonl'));
    expect(await found([join(folder, 'link.jsonl')])).toEqual(['object link.jsonl']);
  });

  test('makes one job of a directory of objects that are one element each, in the order of their names', async () => {
    const folder = await folderOf('scans/b.png', 'scans/a/c.png', 'scans/.DS_Store');
    const path = join(folder, 'scans');
    expect(await findInputs([path], 'images')).toEqual([
      {
        kind: 'folder',
        uri: path,
        name: 'scans',
        objects: [{ uri: join(path, 'a/c.png') }, { uri: join(path, 'b.png') }],
      },
    ]);
  });

  test('has a file or the files of a glob stand for themselves where each is one element', async () => {
    const folder = await folderOf('a.png', 'b.png');
    expect(await found([join(folder, 'a.png')], 'images')).toEqual(['element a.png']);
    expect(await found([join(folder, '*.png')], 'binary')).toEqual(['element a.png', 'element b.png']);
  });

  test('refuses what is not there', async () => {
    const folder = await folderOf('a.jsonl');
    for (const name of ['missing.jsonl', 'missing/a.jsonl', 'a.jsonl/b'])
      expect(await refusal([join(folder, name)])).toBe(`there is no file or directory ${join(folder, name)}`);
  });

  test('refuses a glob that matches nothing, and an empty directory', async () => {
    const folder = await folderOf('a.jsonl');
    await mkdir(join(folder, 'empty'));
    expect(await refusal([join(folder, '*.csv')])).toBe(`no file matches ${join(folder, '*.csv')}`);
    for (const format of ['jsonl', 'images'] as const)
      expect(await refusal([join(folder, 'empty')], format)).toBe(`there are no files in ${join(folder, 'empty')}`);
  });

  test.each([
    ['hidden', 'there are no files in'],
    ['notes', 'there are no files in'],
    ['hid*/*', 'no file matches'],
    ['notes/**/*.jsonl', 'no file matches'],
  ])('says why nothing is left of %s', async (name, start) => {
    const folder = await folderOf('hidden/.a.jsonl', 'notes/_SUCCESS', 'notes/_temporary/0/a.jsonl');
    expect(await refusal([join(folder, name)])).toBe(
      `${start} ${join(folder, name)}: names that begin with '_' or '.' are left out, and folders of such names`,
    );
  });

  test('leaves out what a Spark job writes beside its parts, in folders and globs', async () => {
    const folder = await folderOf(
      'part-0.json',
      '_SUCCESS',
      '.part-0.json.crc',
      '_temporary/0/part-1.json',
      'a=1/part-0.json',
      'a=1/_committed_1',
    );
    for (const arg of ['', '*', '**'].map((pattern) => join(folder, pattern)))
      expect(await found([arg])).toEqual(
        arg.endsWith('/*') ? ['object part-0.json'] : ['object a=1/part-0.json', 'object part-0.json'],
      );
  });

  test('takes a hidden file or folder that is named, and rejects a name that results can not have', async () => {
    const folder = await folderOf('.hidden.jsonl', '.data/a.jsonl', '_data/b.jsonl', '_x.jsonl', '_y.jsonl');
    const named = ['.hidden.jsonl', '.data', '_data', '.d*/*'].map((name) => join(folder, name));
    expect(await found(named.slice(0, 3))).toEqual(['object .hidden.jsonl', 'object a.jsonl', 'object b.jsonl']);
    expect(await found(named.slice(3))).toEqual(['object .data/a.jsonl']);
    expect(await found([join(folder, '_x.jsonl'), join(folder, '.hidden.jsonl')])).toEqual([
      'rejected _x.jsonl',
      'object .hidden.jsonl',
    ]);
    // A glob that spells out such a name matches it.
    const [input] = await findInputs([join(folder, '_y*')], 'jsonl');
    expect(input).toHaveProperty(
      'failure.message',
      "it can't be run as '_y.jsonl': names that start with '_' are the fabric's own; rename it",
    );
  });

  test.each([
    ['exports (1)/*.jsonl', 'exports (1)/a.jsonl', 'a.jsonl'],
    ['[2024]/*.jsonl', '[2024]/a.jsonl', 'a.jsonl'],
    ['[2024]/sub {x}/**/*.jsonl', '[2024]/sub {x}/b/a.jsonl', 'b/a.jsonl'],
    ['{a}/*.jsonl', '{a}/a.jsonl', 'a.jsonl'],
    ['{a,b}/*.jsonl', 'b/a.jsonl', 'b/a.jsonl'],
    ['!x/*.jsonl', '!x/a.jsonl', 'a.jsonl'],
    ['!*.jsonl', '!a.jsonl', '!a.jsonl'],
    ['+(1)/*', '+(1)/a.jsonl', 'a.jsonl'],
    ['@(a|b).jsonl', 'a.jsonl', 'a.jsonl'],
    ['a b  c/*', 'a b  c/a.jsonl', 'a.jsonl'],
    ['#1/#*', '#1/#a.jsonl', '#a.jsonl'],
    ['a\\b/*', 'a\\b/c\\d.jsonl', 'c\\d.jsonl'],
    ['*/[12].jsonl', 'x (1)/2.jsonl', 'x (1)/2.jsonl'],
    ['a[1].jsonl', 'a[1].jsonl', 'a[1].jsonl'],
    ['x?/*', 'x?/a.jsonl', 'a.jsonl'],
    ['*/*.jsonl', '*/a.jsonl', 'a.jsonl'],
  ])('finds by %s the file %s', async (pattern, file, name) => {
    const folder = await folderOf(file, 'other.txt');
    expect(await found([join(folder, pattern)])).toEqual([`object ${name}`]);
  });

  test('refuses two inputs that would share a folder of results, naming both', async () => {
    const folder = await folderOf('x/a.jsonl', 'y/a.jsonl');
    const [one, other] = [join(folder, 'x/a.jsonl'), join(folder, 'y/a.jsonl')];
    expect(await refusal([one, other])).toBe(`${one} and ${other} would both have their results in 'a.jsonl'`);
    expect(await refusal([one, join(folder, 'x')])).toBe(
      `${one} and ${one} would both have their results in 'a.jsonl'`,
    );
  });

  test('refuses an input whose results would lie inside those of another', async () => {
    const folder = await folderOf('x/data', 'y/data/errors/a.jsonl');
    const [outer, inner] = [join(folder, 'x/data'), join(folder, 'y/data/errors/a.jsonl')];
    for (const args of [
      [outer, join(folder, 'y')],
      [join(folder, 'y'), outer],
    ]) {
      expect(await refusal(args)).toBe(
        `${inner} would have its results inside those of ${outer}, in 'data/errors/a.jsonl'`,
      );
    }
  });
});
