import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { temporaryFolder, writeIn } from '../../temporary-folder.ts';
import { contentsBelow, filesBelow, inputRunner, manifestIn, numbers } from './run-inputs.ts';

const run = inputRunner();

async function setUp(count = 20) {
  const root = await temporaryFolder();
  const input = await writeIn(root, 'n.jsonl', numbers(count));
  const output = join(root, 'out');
  return { root, input, output, folder: join(output, 'double/n.jsonl') };
}

async function expectWhole(folder: string, total: number): Promise<void> {
  expect(await manifestIn(folder)).toMatchObject({ status: 'complete', counts: { total } });
  expect(await filesBelow(folder)).toContain('_SUCCESS');
}

describe('a job of the first elements', () => {
  test('is marked: its status is limited, and it has no _SUCCESS', async () => {
    const { input, output, folder } = await setUp();
    const { jobs } = await run('double', [input], { output, limit: 5 });
    expect(jobs.map(({ status }) => status)).toEqual(['limited']);
    expect(await manifestIn(folder)).toMatchObject({ status: 'limited', counts: { total: 5 }, source: { limit: 5 } });
    expect(await filesBelow(folder)).not.toContain('_SUCCESS');
  });

  test.each([
    ['a run of all', {}, 20],
    ['a run of all with --resume', { existing: 'resume' }, 20],
    ['a run of all with --overwrite', { existing: 'overwrite' }, 20],
    ['the same sample', { limit: 5 }, 5],
    ['a smaller sample', { limit: 2 }, 2],
    ['a larger sample with --resume', { limit: 9, existing: 'resume' }, 9],
  ] as const)('gives way to %s, in its own folder', async (_what, flags, total) => {
    const { input, output, folder } = await setUp();
    await run('double', [input], { output, limit: 5 });
    const notices: string[] = [];
    const { jobs } = await run('double', [input], {
      output,
      ...flags,
      onNotice: (notice) => void notices.push(notice),
    });
    expect(jobs.map((job) => job.folder)).toEqual([folder]);
    const status = total === 20 ? 'complete' : 'limited';
    expect(await manifestIn(folder)).toMatchObject({ status, counts: { total } });
    const said =
      'existing' in flags && flags.existing === 'overwrite'
        ? []
        : [expect.stringContaining('only the first elements (--limit 5)')];
    expect(notices).toEqual(said);
    expect(await filesBelow(join(output, 'double'))).not.toContainEqual(expect.stringContaining('@'));
  });

  test('is continued by the same sample with --resume', async () => {
    const { input, output, folder } = await setUp();
    const stop = new AbortController();
    const cut = run('double', [input], { output, limit: 12, signal: stop.signal, onPart: () => stop.abort() });
    await expect(cut).rejects.toThrow();
    const resumed: boolean[] = [];
    await run('double', [input], {
      output,
      limit: 12,
      existing: 'resume',
      onPart: (_, wasThere) => void resumed.push(wasThere),
    });
    expect(resumed).toContain(true);
    expect(await manifestIn(folder)).toMatchObject({ status: 'limited', counts: { total: 12 } });
  });

  test('does not take the place of all', async () => {
    const { input, output, folder } = await setUp();
    await run('double', [input], { output });
    await expect(run('double', [input], { output, limit: 5 })).rejects.toThrow('already holds results');
    const notices: string[] = [];
    const { jobs } = await run('double', [input], {
      output,
      limit: 5,
      existing: 'resume',
      onNotice: (notice) => void notices.push(notice),
    });
    expect(jobs[0]?.folder).toMatch(/n\.jsonl@[0-9a-f]{12}$/);
    expect(notices).toEqual([expect.stringMatching(/without '--limit 5'.*n\.jsonl: new results go to .*n\.jsonl@/)]);
    await expectWhole(folder, 20);
  });

  test('of a folder of objects is marked as well', async () => {
    const root = await temporaryFolder();
    for (const name of ['a', 'b', 'c']) await writeIn(root, `in/${name}`, name);
    const output = join(root, 'out');
    await run('bytes', [join(root, 'in')], { output, limit: 2 });
    expect(await manifestIn(join(output, 'bytes/in'))).toMatchObject({ status: 'limited', counts: { total: 2 } });
    await run('bytes', [join(root, 'in')], { output });
    await expectWhole(join(output, 'bytes/in'), 3);
  });
});

describe('a limit that the source does not reach', () => {
  test.each([
    ['lines', 'double', 'n.jsonl', numbers(20)],
    ['compressed lines', 'double', 'n.jsonl.gz', gzipSync(numbers(20))],
    ['lines that are grouped', 'grouped', 'n.jsonl', numbers(20).replaceAll('}', ',"k":"k"}')],
  ] as const)('leaves no mark: all of %s was run', async (_what, pipeline, name, content) => {
    for (const limit of [20, 100]) {
      const root = await temporaryFolder();
      const input = await writeIn(root, name, content);
      const output = join(root, 'out');
      await run(pipeline, [input], { output, limit });
      await expectWhole(join(output, pipeline, name), 20);
    }
    const root = await temporaryFolder();
    const input = await writeIn(root, name, content);
    await run(pipeline, [input], { output: join(root, 'out'), limit: 19 });
    expect(await manifestIn(join(root, 'out', pipeline, name))).toMatchObject({ status: 'limited' });
  });

  test('makes a job that a run of all goes on with, and does not repeat', async () => {
    const { input, output, folder } = await setUp();
    await run('double', [input], { output, limit: 100 });
    const before = await contentsBelow(folder);
    await expect(run('double', [input], { output })).rejects.toThrow('already holds results');
    const { jobs } = await run('double', [input], { output, existing: 'resume' });
    expect(jobs[0]?.folder).toBe(folder);
    expect(await contentsBelow(folder)).toEqual(before);
    // The source is another now.
    await writeFile(input, numbers(30));
    const { jobs: changed } = await run('double', [input], { output, existing: 'resume' });
    expect(changed[0]?.folder).not.toBe(folder);
  });
});

test('a run that is resumed says where it goes when the source has changed, the first time', async () => {
  const { input, output, folder } = await setUp();
  await run('double', [input], { output });
  await writeFile(input, numbers(8));
  const notices: string[] = [];
  const again = () =>
    run('double', [input], { output, existing: 'resume', onNotice: (notice) => void notices.push(notice) });
  const { jobs } = await again();
  await again();
  expect(notices).toEqual([
    `${input} has changed since the results in ${folder}: new results go to ${jobs[0]?.folder}`,
  ]);
});

describe('a source that is lost in mid-run', () => {
  test.each([
    ['disappears', (input: string) => rmSync(input), 'SourceGone', 'there is no such file'],
    ['is written again', (input: string) => writeFileSync(input, numbers(60)), 'SourceChanged', 'it was changed while'],
  ] as const)('and %s leaves a job incomplete, which names what is missing', async (_what, change, name, message) => {
    const { input, output, folder } = await setUp(40);
    let isChanged = false;
    const { jobs } = await run('double', [input], {
      output,
      onPart: () => {
        if (isChanged) return;
        isChanged = true;
        change(input);
      },
    });
    const [job] = jobs;
    expect(job?.status).toBe('incomplete');
    const { status, parts, missing = [], missingCount, counts } = await manifestIn(folder);
    expect({ status, all: parts.length + missing.length }).toEqual({ status: 'incomplete', all: job?.job.of });
    expect(missingCount).toBe(missing.length);
    expect(missing.length).toBeGreaterThan(0);
    for (const bundle of missing)
      expect(bundle).toMatchObject({
        range: { start: expect.any(Number), end: expect.any(Number) },
        error: { name, message: expect.stringContaining(message) },
      });
    expect(counts.failed).toBe(0);
    expect(await filesBelow(folder)).not.toContain('_SUCCESS');
  });

  test('is run to its end with --resume when the file is back', async () => {
    const { input, output, folder, root } = await setUp(40);
    let isAway = false;
    await run('double', [input], {
      output,
      onPart: () => {
        if (isAway) return;
        isAway = true;
        renameSync(input, join(root, 'away'));
      },
    });
    expect(await manifestIn(folder)).toMatchObject({ status: 'incomplete' });
    await rename(join(root, 'away'), input);
    await run('double', [input], { output, existing: 'resume' });
    await expectWhole(folder, 40);
    const other = join(root, 'other');
    await run('double', [input], { output: other });
    expect(await contentsBelow(folder)).toEqual(await contentsBelow(join(other, 'double/n.jsonl')));
  });
});
