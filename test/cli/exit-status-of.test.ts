import { writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { afterEach, expect, test, vi } from 'vitest';
import { exitStatusOf } from '../../cli/exit-status-of.ts';

afterEach(() => vi.restoreAllMocks());

async function fillDisk(): Promise<0> {
  await writeFile('/dev/full', 'text');
  return 0;
}

test.runIf(existsSync('/dev/full'))('exitStatusOf explains a full disk, and ends with 1', async () => {
  const said = vi.spyOn(console, 'error').mockImplementation(() => {});
  expect(await exitStatusOf(fillDisk, { interrupted: 'what is done stays' })).toBe(1);
  expect(said.mock.calls.flat()).toEqual([
    expect.stringMatching(
      /^fabric: the disk is full \(ENOSPC\): free space where the results are written and in .+, then run it again; committed results are kept$/,
    ),
  ]);
});
