import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { removeLeftSpools } from '../../../lib/jobs/commit/outcome-spool.ts';
import { temporaryFolder, writeIn } from '../../temporary-folder.ts';

describe('removeLeftSpools', () => {
  test('removes what killed attempts left, and nothing else', async () => {
    const folder = await temporaryFolder();
    await writeIn(folder, 'fabric-outcomes-x1/results', 'x');
    await mkdir(join(folder, 'models'));
    await removeLeftSpools(folder);
    expect(await readdir(folder)).toEqual(['models']);
  });
});
