import { chmod, mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { makeReadable } from '../../../cdk/bundling/make-readable.ts';
import { temporaryFolder } from '../../temporary-folder.ts';

describe('makeReadable', () => {
  test('lets all users read files and enter folders, and keeps what else a mode says', async () => {
    const folder = await temporaryFolder();
    const [below, file, program] = [join(folder, 'below'), join(folder, 'below/model.onnx'), join(folder, 'program')];
    await mkdir(below);
    for (const path of [file, program]) await writeFile(path, 'x');
    for (const [path, mode] of [
      [file, 0o600],
      [program, 0o700],
      [below, 0o700],
      [folder, 0o700],
    ] as const)
      await chmod(path, mode);
    makeReadable(folder);
    const modes = await Promise.all(
      [file, program, below, folder].map(async (path) => (await stat(path)).mode & 0o777),
    );
    expect(modes).toEqual([0o644, 0o744, 0o755, 0o755]);
  });
});
