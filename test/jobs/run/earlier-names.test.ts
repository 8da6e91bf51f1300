import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fabric } from '../../cli/run-fabric.ts';
import { earlierPath } from '../earlier-names.ts';
import { finishedRun } from './finished-run.ts';
import { contentsBelow, filesBelow, inputRunner } from './run-inputs.ts';

const run = inputRunner();

/** A finished run whose folder has the names of an earlier version. */
async function earlierRun() {
  const finished = await finishedRun(run);
  const { folder, expected } = finished;
  for (const path of Object.keys(expected)) {
    const earlier = join(folder, earlierPath(path));
    await mkdir(dirname(earlier), { recursive: true });
    await rename(join(folder, path), earlier);
  }
  await rm(join(folder, '_errors'), { recursive: true });
  const renamed = Object.fromEntries(Object.entries(expected).map(([path, text]) => [earlierPath(path), text]));
  return { ...finished, expected: renamed };
}

describe('a folder with the names of an earlier version', () => {
  test('has none of the new names', async () => {
    const { folder } = await earlierRun();
    const names = (await filesBelow(folder)).filter((path) => !path.includes('part-'));
    expect(names).toEqual(['_SUCCESS', 'job.json', 'manifest.json']);
  });

  test('is continued under its names', async () => {
    const { input, output, folder, part, staged, expected } = await earlierRun();
    for (const path of [join(folder, 'errors', part(0)), join(folder, part(0)), staged(0, 'note.json')]) await rm(path);
    for (const name of ['manifest.json', '_SUCCESS']) await rm(join(folder, name));
    await run('double', [input], { output, existing: 'resume' });
    expect(await contentsBelow(folder)).toEqual(expected);
  });

  test('is not taken for a folder of another program', async () => {
    const { input, output, folder, expected } = await earlierRun();
    await expect(run('double', [input], { output })).rejects.toThrow('already holds results');
    expect(await contentsBelow(folder)).toEqual(expected);
  });

  test('is overwritten completely, with the new names', async () => {
    const { input, output, folder } = await earlierRun();
    await run('double', [input], { output, existing: 'overwrite' });
    const files = await filesBelow(folder);
    expect(files).toContain('_job.json');
    expect(files.filter((path) => earlierPath(path) !== path)).toHaveLength(4);
    expect(files.filter((path) => /^(?:errors|job|manifest)/.test(path))).toEqual([]);
  });

  test.each(['', '/job.json', '/manifest.json'])('has its status and its failures shown: %s', async (name) => {
    const { folder, of } = await earlierRun();
    const { stdout } = await fabric(['status', folder + name, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'complete', parts: { done: of, of }, counts: { failed: 2 } });
    const failures = await fabric(['failures', folder + name, '--json']);
    expect(JSON.parse(failures.stdout)).toMatchObject({ total: 2 });
  });

  test('is listed with others', async () => {
    const { output, of } = await earlierRun();
    const { stdout } = await fabric(['status', join(output, 'double'), '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ jobs: 1, shown: [{ parts: { done: of, of } }] });
  });
});
