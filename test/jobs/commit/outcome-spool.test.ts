import { spawnSync } from 'node:child_process';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { removeLeftSpools } from '../../../lib/jobs/commit/outcome-spool.ts';
import { temporaryFolder, writeIn } from '../../temporary-folder.ts';

describe('removeLeftSpools', () => {
  test('removes what processes that are gone left, and nothing of those at work beside this one', async () => {
    const folder = await temporaryFolder();
    const { pid: gone } = spawnSync(process.execPath, ['--version']);
    await writeIn(folder, `fabric-outcomes-${gone}-x1/results`, 'x');
    await writeIn(folder, `fabric-outcomes-${process.pid}-x2/results`, 'of one that had the same number');
    await writeIn(folder, `fabric-outcomes-${process.ppid}-x3/results`, 'x');
    await mkdir(join(folder, 'models'));
    await removeLeftSpools(folder);
    expect((await readdir(folder)).toSorted()).toEqual([`fabric-outcomes-${process.ppid}-x3`, 'models']);
  });
});
