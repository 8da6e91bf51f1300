import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { commitFile, lazySpool, openSpool, removeTemporaries, writeAtomically } from '../../lib/stores/atomic-file.ts';
import { order, startContender } from './contenders.ts';
import { temporaryFolder } from '../temporary-folder.ts';

describe('writeAtomically', () => {
  test('makes the folders, replaces what is there, and leaves nothing else behind', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'a', 'b', 'manifest.json');
    await writeAtomically(path, 'long enough to show if it were cut');
    await writeAtomically(path, 'short');
    expect(await readFile(path, 'utf8')).toBe('short');
    expect(await readdir(join(folder, 'a', 'b'))).toEqual(['manifest.json']);
  });

  test('shows a reader the old file or the new one, never a part of one', async () => {
    const path = join(await temporaryFolder(), 'file');
    const contents = ['a', 'b'].map((letter) => letter.repeat(200_000));
    await writeAtomically(path, contents[0] ?? '');
    const seen = new Set<string>();
    const done = new AbortController();
    const read = async (): Promise<void> => {
      while (!done.signal.aborted) seen.add(await readFile(path, 'utf8'));
    };
    const reading = read();
    for (let round = 0; round < 50; round += 1) await writeAtomically(path, contents[round % 2] ?? '');
    done.abort();
    await reading;
    for (const content of seen) expect(contents).toContain(content);
  });
});

describe('removeTemporaries', () => {
  test('removes what a killed writer left, and nothing else', async () => {
    const folder = await temporaryFolder();
    for (const name of ['manifest.json', 'manifest.json.4711.tmp', 'mine.tmp']) await writeFile(join(folder, name), '');
    await removeTemporaries(folder);
    expect((await readdir(folder)).toSorted()).toEqual(['manifest.json', 'mine.tmp']);
    await removeTemporaries(join(folder, 'not there'));
  });
});

describe('commitFile', () => {
  test('gives a file its name, and takes the temporary one away', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'spool'), 'results');
    expect(await commitFile(join(folder, 'spool'), join(folder, 'job', 'part'))).toBe(true);
    expect(await readFile(join(folder, 'job', 'part'), 'utf8')).toBe('results');
    expect(await readdir(folder)).toEqual(['job']);
  });

  test('leaves a file that has the name already as it is, and takes the temporary one away', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'part'), 'first');
    await writeFile(join(folder, 'spool'), 'second');
    expect(await commitFile(join(folder, 'spool'), join(folder, 'part'))).toBe(false);
    expect(await readFile(join(folder, 'part'), 'utf8')).toBe('first');
    expect(await readdir(folder)).toEqual(['part']);
  });

  test('rejects where it can do neither', async () => {
    const folder = await temporaryFolder();
    await expect(commitFile(join(folder, 'missing'), join(folder, 'part'))).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await readdir(folder)).toEqual([]);
  });

  test('has one winner among processes that race for a name, and the file is whole and its own', async () => {
    const folder = await temporaryFolder();
    const children = await Promise.all([startContender(), startContender(), startContender()]);
    for (let round = 0; round < 20; round += 1) {
      const part = join(folder, `part-${round}`);
      const spools = children.map((_, index) => join(folder, `spool-${index}`));
      await Promise.all(spools.map((spool, index) => writeFile(spool, String(index).repeat(10_000))));
      const outcomes = await Promise.all(
        children.map((child, index) => order(child, { commit: spools[index], to: part })),
      );
      const winners = outcomes.flatMap(({ won }, index) => (won ? [index] : []));
      expect(winners).toHaveLength(1);
      expect(await readFile(part, 'utf8')).toBe(String(winners[0]).repeat(10_000));
      expect(await readdir(folder)).toHaveLength(round + 1);
    }
  });
});

describe('openSpool', () => {
  test('writes a file from its start, replacing one that was left over, and counts its bytes', async () => {
    const path = join(await temporaryFolder(), 'staging', 'spool');
    await mkdir(join(path, '..'));
    await writeFile(path, 'left over from a run that was killed');
    await using spool = await openSpool(path);
    await spool.write(Buffer.from('one\n'));
    await spool.write(new Uint8Array());
    await spool.write(Buffer.from('zwö\n'));
    await spool.close();
    await spool.close();
    expect(spool.byteLength).toBe(9);
    expect(await readFile(path, 'utf8')).toBe('one\nzwö\n');
  });

  test('makes an empty file where nothing is written', async () => {
    const path = join(await temporaryFolder(), 'spool');
    await (await openSpool(path)).close();
    expect(await readFile(path, 'utf8')).toBe('');
  });
});

test.each([
  ['openSpool', openSpool],
  ['lazySpool', lazySpool],
])('%s takes no bytes after it is closed, so that nothing written is lost', async (_, open) => {
  const path = join(await temporaryFolder(), 'new', 'spool');
  const spool = await open(path);
  await spool.write(Buffer.from('kept'));
  await spool.close();
  await expect(spool.write(Buffer.from('late'))).rejects.toThrow(`Cannot write to ${path}: it is closed`);
  expect(await readFile(path, 'utf8')).toBe('kept');
});

test('lazySpool makes no file where nothing is written', async () => {
  const folder = await temporaryFolder();
  const spool = lazySpool(join(folder, 'spool'));
  await spool.write(new Uint8Array());
  await spool.close();
  expect(spool.byteLength).toBe(0);
  expect(await readdir(folder)).toEqual([]);
});
