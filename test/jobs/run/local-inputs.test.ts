import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { FormatName } from '../../../lib/formats/format.ts';
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
    const folder = await folderOf();
    const missing = join(folder, 'missing.jsonl');
    expect(await refusal([missing])).toBe(`there is no file or directory ${missing}`);
    await symlink(missing, join(folder, 'dangling.jsonl'));
    expect(await refusal([join(folder, 'dangling.jsonl')])).toBe(
      `there is no file or directory ${join(folder, 'dangling.jsonl')}`,
    );
  });

  test('refuses a glob that matches nothing, and an empty directory, also one of hidden files only', async () => {
    const folder = await folderOf('a.jsonl', 'hidden/.a.jsonl');
    await mkdir(join(folder, 'empty'));
    expect(await refusal([join(folder, '*.csv')])).toBe(`no file matches ${join(folder, '*.csv')}`);
    for (const name of ['empty', 'hidden'])
      expect(await refusal([join(folder, name)])).toBe(`there are no files in ${join(folder, name)}`);
    expect(await refusal([join(folder, 'empty')], 'images')).toBe(`there are no files in ${join(folder, 'empty')}`);
  });

  test("refuses names that start with '_', which are the fabric's own", async () => {
    const folder = await folderOf('_rejected.jsonl', 'a/_b.jsonl');
    expect(await refusal([join(folder, '_rejected.jsonl')])).toContain(
      "names that start with '_' are the fabric's own",
    );
    expect(await refusal([join(folder, 'a')])).toContain(`${join(folder, 'a/_b.jsonl')} can't be run as '_b.jsonl'`);
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
