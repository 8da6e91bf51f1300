import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FolderLockedError, lockFolder } from '../../lib/stores/folder-lock.ts';
import { order, startContender } from './contenders.ts';
import { temporaryFolder } from '../temporary-folder.ts';

/** The lock of a process that was killed while it held it. */
async function leaveStaleLock(path: string): Promise<void> {
  const child = await startContender();
  expect(await order(child, { lock: path })).toEqual({ won: true });
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

describe('lockFolder', () => {
  test('makes the folders, and leaves nothing behind when it is given back', async () => {
    const folder = join(await temporaryFolder(), '.fabric');
    {
      await using _lock = await lockFolder(join(folder, 'wine.lock'));
      expect(await readdir(folder)).toEqual(['wine.lock']);
    }
    expect(await readdir(folder)).toEqual([]);
    await using _again = await lockFolder(join(folder, 'wine.lock'));
  });

  test('refuses a second holder, naming the first one and the lock', async () => {
    const path = join(await temporaryFolder(), 'wine.lock');
    const child = await startContender();
    expect(await order(child, { lock: path })).toEqual({ won: true });
    const error = await lockFolder(path).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(FolderLockedError);
    expect(error).toMatchObject({
      code: 'FOLDER_LOCKED',
      disposition: 'retry',
      message: `process ${child.pid} on ${hostname()} is using this folder: ${path}`,
    });
  });

  test('refuses a second holder in the same process', async () => {
    const path = join(await temporaryFolder(), 'wine.lock');
    await using _lock = await lockFolder(path);
    await expect(lockFolder(path)).rejects.toThrow(`process ${process.pid} on ${hostname()} is using this folder`);
    expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({ pid: process.pid });
  });

  test('takes over the lock of a process that is gone', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'wine.lock');
    await leaveStaleLock(path);
    {
      await using _lock = await lockFolder(path);
      expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({ pid: process.pid });
      expect(await readdir(folder)).toEqual(['wine.lock']);
    }
    expect(await readdir(folder)).toEqual([]);
  });

  test('takes over the lock of an earlier process that had the same number, as in a container', async () => {
    const path = join(await temporaryFolder(), 'wine.lock');
    await writeFile(path, JSON.stringify({ pid: process.pid, host: hostname(), startedAt: 1, id: 'earlier' }));
    await using _lock = await lockFolder(path);
    expect(await readFile(path, 'utf8')).not.toContain('earlier');
  });

  test('takes over a lock that says nothing', async () => {
    const path = join(await temporaryFolder(), 'wine.lock');
    await writeFile(path, '');
    await using _lock = await lockFolder(path);
    expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({ pid: process.pid });
  });

  test('leaves the lock of another machine alone, and says what to do if that is gone', async () => {
    const path = join(await temporaryFolder(), 'wine.lock');
    await writeFile(path, JSON.stringify({ pid: 7, host: 'elsewhere', startedAt: 1, id: 'a' }));
    await expect(lockFolder(path)).rejects.toThrow(
      `process 7 on elsewhere is using this folder: ${path}; if it is gone, remove ${path}`,
    );
  });

  test('goes to one of several processes that ask for it at once', async () => {
    const folder = await temporaryFolder();
    const children = await Promise.all([startContender(), startContender(), startContender()]);
    for (let round = 0; round < 20; round += 1) {
      const path = join(folder, `${round}.lock`);
      const outcomes = await Promise.all(children.map((child) => order(child, { lock: path })));
      expect(outcomes.filter(({ won }) => won)).toHaveLength(1);
      const losers = outcomes.filter(({ won }) => !won);
      expect(losers.map(({ name }) => name)).toEqual(['FolderLockedError', 'FolderLockedError']);
    }
    expect(await readdir(folder)).toHaveLength(20);
  });

  test('goes to one of several processes that find a stale one at once', async () => {
    const folder = await temporaryFolder();
    const gone = join(folder, 'gone.lock');
    await leaveStaleLock(gone);
    const stale = await readFile(gone);
    const children = await Promise.all([startContender(), startContender(), startContender()]);
    for (let round = 0; round < 20; round += 1) {
      const path = join(folder, `${round}.lock`);
      await writeFile(path, stale);
      const outcomes = await Promise.all(children.map((child) => order(child, { lock: path })));
      const winners = outcomes.flatMap(({ won }, index) => (won ? [children[index]?.pid] : []));
      expect(winners).toHaveLength(1);
      expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({ pid: winners[0] });
    }
    expect(await readdir(folder)).toHaveLength(21);
  });
});
