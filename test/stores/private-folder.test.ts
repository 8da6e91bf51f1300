import { chmod, chown, mkdir, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { compileCacheFolder } from '../../lib/stores/compile-cache.ts';
import { privateCodeFolder, privateFolder } from '../../lib/stores/private-folder.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const OTHER_USER = 12_345;

/** Gives a path to another user, or makes this process another user if it can't. */
async function disown(path: string): Promise<void> {
  if (process.getuid?.() === 0) return chown(path, OTHER_USER, OTHER_USER);
  const getuid = vi.spyOn(process, 'getuid').mockReturnValue(OTHER_USER);
  onTestFinished(() => getuid.mockRestore());
}

type Plant = (path: string) => Promise<unknown>;

async function folderOfMode(path: string, mode: number): Promise<void> {
  await mkdir(path);
  // The mask of this process does not apply.
  await chmod(path, mode);
}

/** States in which another user could have put files in a folder, or can. */
const BAD: readonly (readonly [what: string, plant: Plant, reason: RegExp])[] = [
  ['a link to a folder', (path) => symlink(dirname(path), path), /is a link$/],
  ['a link to nothing', (path) => symlink('nowhere', path), /is a link$/],
  ['a file', (path) => writeFile(path, ''), /is not a folder$/],
  ['a folder that its group can write to', (path) => folderOfMode(path, 0o770), /can be written to by other users$/],
  ['a folder that everyone can write to', (path) => folderOfMode(path, 0o707), /can be written to by other users$/],
  ['a sticky folder of everyone', (path) => folderOfMode(path, 0o1777), /can be written to by other users$/],
  [
    'a folder of another user',
    async (path) => {
      await mkdir(path, { mode: 0o700 });
      await disown(path);
    },
    /belongs to another user$/,
  ],
];

async function modeOf(path: string): Promise<number> {
  return (await stat(path)).mode & 0o7777;
}

describe('a private folder', () => {
  test('is created for this user only, with those above it, and is taken again', async () => {
    const path = join(await temporaryFolder(), 'a/b');
    for (let time = 0; time < 2; time += 1) expect(privateFolder(path)).toBe(path);
    expect([await modeOf(dirname(path)), await modeOf(path)]).toEqual([0o700, 0o700]);
  });

  test('is closed to others if they could only read it', async () => {
    const path = join(await temporaryFolder(), 'a');
    await folderOfMode(path, 0o755);
    privateFolder(path);
    expect(await modeOf(path)).toBe(0o700);
  });

  test.each(BAD)('is not %s', async (_what, plant, reason) => {
    const path = join(await temporaryFolder(), 'a');
    await plant(path);
    expect(() => privateFolder(path)).toThrow(reason);
  });
});

describe('a private folder for code', () => {
  test.each<[what: string, mode: number, isSafe: boolean]>([
    ['that only this user can write to', 0o755, true],
    ['that is sticky', 0o1777, true],
    ['that its group can write to', 0o775, false],
    ['that everyone can write to', 0o777, false],
  ])('can be in a folder %s: mode %o, %s', async (_what, mode, isSafe) => {
    const above = join(await temporaryFolder(), 'above');
    await folderOfMode(above, mode);
    const path = join(above, 'a/b');
    if (isSafe) expect(privateCodeFolder(path)).toBe(path);
    else expect(() => privateCodeFolder(path)).toThrow(`${above} can be written to by other users`);
  });

  test('is not behind a link to a folder that everyone can write to', async () => {
    const root = await temporaryFolder();
    const open = join(root, 'open');
    await folderOfMode(open, 0o777);
    await mkdir(join(open, 'mine'), { mode: 0o700 });
    await symlink('open/mine', join(root, 'link'));
    expect(() => privateCodeFolder(join(root, 'link/a'))).toThrow(`${open} can be written to by other users`);
  });
});

describe('the folder of compiled code', () => {
  test("is in the user's cache, or else in the temporary folder, or nowhere", async () => {
    const root = await temporaryFolder();
    const [cache, temporary] = [join(root, 'cache'), join(root, 'tmp')];
    vi.stubEnv('TMPDIR', temporary);
    onTestFinished(() => void vi.unstubAllEnvs());
    await folderOfMode(temporary, 0o1777);
    const env = { XDG_CACHE_HOME: cache, LOCALAPPDATA: cache };
    const inCache = join(cache, 'inference-fabric/compile');
    expect(compileCacheFolder(env)).toBe(inCache);
    await chmod(inCache, 0o777);
    const inTemporary = compileCacheFolder(env);
    expect(inTemporary).toMatch(new RegExp(`^${temporary}/inference-fabric-compile(?:-\\d+)?$`));
    await chmod(inTemporary ?? '', 0o777);
    expect(compileCacheFolder(env)).toBeUndefined();
  });
});
