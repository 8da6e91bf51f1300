import { spawnSync } from 'node:child_process';
import { mkdir, readdir, symlink, utimes } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { temporaryName } from '../../lib/stores/file-names.ts';
import { isWrittenName } from '../../lib/jobs/part-names.ts';
import { makeTemporaryFolder, removeLeftFiles, removeLeftFolders } from '../../lib/stores/left-files.ts';
import { ownerTag } from '../../lib/stores/owner-tag.ts';
import { temporaryFolder, writeIn } from '../temporary-folder.ts';

const DAY_MILLIS = 24 * 3600 * 1000;
const ownMachine = ownerTag().replace(/^\d+-/, '');
const OTHER_MACHINE = '00000000';

/** Number of a process that has ended. */
function deadProcess(): number {
  return spawnSync(process.execPath, ['--version']).pid;
}

const dead = deadProcess();
const NOW = Date.now();

/** Owners by how they are named, the age of what they wrote, and whether that is left. */
const OWNERS: readonly (readonly [what: string, tag: string, ageMillis: number, isLeft: boolean])[] = [
  ['a process that is gone', `${dead}-${ownMachine}`, 0, true],
  ['a living process', `${process.ppid}-${ownMachine}`, 2 * DAY_MILLIS, false],
  ['this process', ownerTag(), 0, false],
  ['an earlier process with the number of this one', ownerTag(), DAY_MILLIS, true],
  ['another machine, just now', `${dead}-${OTHER_MACHINE}`, 0, false],
  ['another machine, a day ago', `${dead}-${OTHER_MACHINE}`, 2 * DAY_MILLIS, true],
  ['an earlier version, just now', `${dead}`, 0, false],
  ['an earlier version, a day ago', `${dead}`, 2 * DAY_MILLIS, true],
  ['an earlier version, a living process', `${process.ppid}`, 2 * DAY_MILLIS, false],
];

async function age(path: string, millis: number): Promise<void> {
  const at = new Date(NOW - millis);
  await utimes(path, at, at);
}

describe.each(OWNERS)('of %s', (_what, tag, ageMillis, isLeft) => {
  test(`a temporary folder ${isLeft ? 'is removed' : 'stays'}`, async () => {
    const folder = await temporaryFolder();
    const path = join(folder, `fabric-outcomes-${tag}-AbC123`);
    await writeIn(path, 'results', 'x');
    await age(path, ageMillis);
    await removeLeftFolders({ folder, now: () => NOW });
    expect(await readdir(folder)).toEqual(isLeft ? [] : [basename(path)]);
  });

  test(`a temporary file ${isLeft ? 'is removed' : 'stays'}`, async () => {
    const folder = await temporaryFolder();
    const name = `part-00000-of-00001.jsonl.${tag}.tmp`;
    await age(await writeIn(folder, join('wine/a/errors', name), 'x'), ageMillis);
    await removeLeftFiles(folder, isWrittenName, () => NOW);
    expect(await readdir(join(folder, 'wine/a/errors'))).toEqual(isLeft ? [] : [name]);
  });
});

describe('removeLeftFolders', () => {
  test('knows the folders that are created here', async () => {
    const folder = await temporaryFolder();
    vi.stubEnv('TMPDIR', folder);
    onTestFinished(() => void vi.unstubAllEnvs());
    for (const use of ['outcomes', 'chunks', 'estimate', 'dry-run'] as const) await makeTemporaryFolder(use);
    await removeLeftFolders({ folder, isShared: false });
    expect(await readdir(folder)).toEqual([]);
  });

  test('removes nothing else, and follows no link', async () => {
    const folder = await temporaryFolder();
    const names = [`fabric-models-${dead}-${ownMachine}-AbC123`, `mine-${dead}-${ownMachine}-AbC123`, 'models'];
    for (const name of names) await mkdir(join(folder, name));
    const file = await writeIn(folder, `fabric-chunks-${dead}-${ownMachine}-AbC123`, 'a file');
    await symlink('models', join(folder, `fabric-chunks-${dead}-${ownMachine}-XyZ123`));
    await removeLeftFolders({ folder });
    expect(await readdir(folder)).toHaveLength(names.length + 2);
    await removeLeftFolders({ folder: join(folder, 'not there') });
    await removeLeftFolders({ folder: file });
  });

  test('on the disk of a function, removes those of earlier processes and none of a living one', async () => {
    const folder = await temporaryFolder();
    for (const tag of [`${dead}`, `${dead}-${OTHER_MACHINE}`, ownerTag(), `${process.ppid}`])
      await mkdir(join(folder, `fabric-outcomes-${tag}-AbC123`));
    await removeLeftFolders({ folder, isShared: false });
    expect(await readdir(folder)).toEqual([`fabric-outcomes-${process.ppid}-AbC123`]);
  });
});

describe('removeLeftFiles', () => {
  test('removes no file that has no such name, and follows no link', async () => {
    const folder = await temporaryFolder();
    const outside = await temporaryFolder();
    const left = `_SUCCESS.${dead}-${ownMachine}.tmp`;
    await writeIn(outside, left, 'x');
    for (const name of [
      'a.jsonl',
      'a.tmp',
      `notes.txt.${dead}-${ownMachine}.tmp`,
      `a.json.${dead}-${ownMachine}.tmp.x`,
    ])
      await writeIn(folder, name, 'mine');
    await symlink(outside, join(folder, 'link'));
    await symlink(join(outside, left), join(folder, left));
    await removeLeftFiles(folder, isWrittenName);
    expect(await readdir(folder)).toHaveLength(6);
    expect(await readdir(outside)).toEqual([left]);
  });

  test('knows the names of temporary files, also of those that are cut', async () => {
    const folder = await temporaryFolder();
    const before = NOW - DAY_MILLIS;
    for (const name of ['_SUCCESS', '_job.json', 'part-00000-of-00001.jsonl', `${'x'.repeat(250)}.json`])
      await age(await writeIn(folder, temporaryName(name), 'x'), NOW - before);
    await removeLeftFiles(folder, isWrittenName);
    expect(await readdir(folder)).toEqual([]);
  });
});
