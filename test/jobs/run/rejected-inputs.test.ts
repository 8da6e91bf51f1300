import { access, readFile, rm, symlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { temporaryFolder, writeIn } from '../../temporary-folder.ts';
import { contentsBelow, filesBelow, identityOf, inputRunner, numbers } from './run-inputs.ts';

const run = inputRunner();

const CUT_SHORT = 'Cannot decompress gzip: the object is cut short';
const DAMAGED = 'Cannot decompress gzip: the object is damaged, or something else follows the compressed data';
const packed = gzipSync(numbers(50));
const cutShort = packed.subarray(0, -12);

async function explanationOf(output: string, name: string): Promise<unknown> {
  return JSON.parse(await readFile(join(output, '_rejected', `${name}.json`), 'utf8'));
}

/** A folder of two inputs that can be run and one, `b.jsonl.gz`, that can't. */
async function folderWith(bad: string | Uint8Array) {
  const root = await temporaryFolder();
  await writeIn(root, 'in/a.jsonl', numbers(20));
  await writeIn(root, 'in/c.jsonl.gz', packed);
  const path = await writeIn(root, 'in/b.jsonl.gz', bad);
  return { input: join(root, 'in'), bad: path, output: join(root, 'out') };
}

describe('an input that can not be planned', () => {
  test.each([
    ['is cut short', cutShort, CUT_SHORT],
    ['is damaged', Buffer.concat([packed.subarray(0, 40), Buffer.alloc(40, 7), packed.subarray(80)]), DAMAGED],
  ])('is rejected by name where it %s, and the others are run', async (_what, content, reason) => {
    const { input, bad, output } = await folderWith(content);
    const { jobs, rejected } = await run('double', [input], { output });
    expect(rejected).toEqual([{ input: bad, reason }]);
    expect(await explanationOf(output, 'double/b.jsonl.gz')).toEqual({
      key: 'double/b.jsonl.gz',
      reason,
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as string,
    });
    const ended = jobs.map(({ job, status }) => `${job.name} ${status}`);
    expect(ended.toSorted()).toEqual(['a.jsonl complete', 'c.jsonl.gz complete']);
    expect(await filesBelow(join(output, 'double'))).not.toContainEqual(expect.stringContaining('b.jsonl.gz'));
  });

  test('is tried again by --resume, which runs nothing else again, and removes what was explained', async () => {
    const { input, output } = await folderWith(cutShort);
    await run('double', [input], { output });
    const before = await contentsBelow(join(output, 'double/a.jsonl'));
    const part = await identityOf(join(output, 'double/a.jsonl/part-00000-of-00006.jsonl'));
    const again = await run('double', [input], { output, existing: 'resume' });
    expect(again.rejected).toHaveLength(1);
    await writeIn(input, 'b.jsonl.gz', packed);
    let outcomes = 0;
    const { jobs, rejected } = await run('double', [input], {
      output,
      existing: 'resume',
      onOutcomes: ({ elements }) => void (outcomes += elements),
    });
    expect({ outcomes, rejected, jobs: jobs.length }).toEqual({ outcomes: 50, rejected: [], jobs: 3 });
    expect(await contentsBelow(join(output, 'double/a.jsonl'))).toEqual(before);
    expect(await identityOf(join(output, 'double/a.jsonl/part-00000-of-00006.jsonl'))).toEqual(part);
    await expect(access(join(output, '_rejected/double/b.jsonl.gz.json'))).rejects.toThrow('ENOENT');
  });

  test('is told of where it is the only one, and nothing is left of it but the reason', async () => {
    const { bad, output } = await folderWith(cutShort);
    const { jobs, rejected } = await run('double', [bad], { output });
    expect({ jobs, rejected }).toEqual({ jobs: [], rejected: [{ input: bad, reason: CUT_SHORT }] });
    expect(await filesBelow(output)).toEqual(['_rejected/double/b.jsonl.gz.json']);
  });

  test('is rejected where it was removed after it was found, also when a run is resumed', async () => {
    const { input, bad, output } = await folderWith(packed);
    const { rejected } = await run('double', [input], { output, onJob: () => void rm(bad, { force: true }) });
    expect(rejected).toEqual([{ input: bad, reason: 'there is no such file' }]);
  });

  test('is rejected by one reason where it is a broken link, and accepted once it leads somewhere', async () => {
    const { input, bad, output } = await folderWith('');
    await unlink(bad);
    await symlink('elsewhere', bad);
    const first = await run('double', [input], { output });
    expect(first.rejected).toEqual([{ input: bad, reason: 'it is a link to elsewhere, which is not there' }]);
    await unlink(bad);
    await symlink('c.jsonl.gz', bad);
    const { jobs, rejected } = await run('double', [input], { output, existing: 'resume' });
    expect({ jobs: jobs.length, rejected }).toEqual({ jobs: 3, rejected: [] });
    expect(await filesBelow(join(output, '_rejected'))).toEqual([]);
  });
});

test('an explanation neither replaces nor removes a file that the fabric did not write', async () => {
  const { bad, output } = await folderWith(cutShort);
  const foreign = await writeIn(output, '_rejected/double/b.jsonl.gz.json', '{"mine":true}');
  expect((await run('double', [bad], { output })).rejected).toHaveLength(1);
  await writeIn(output, '../in/b.jsonl.gz', packed);
  expect((await run('double', [bad], { output })).rejected).toEqual([]);
  expect(await readFile(foreign, 'utf8')).toBe('{"mine":true}');
});

describe('names at the limit of the file system', () => {
  const long = 'x'.repeat(251);

  test('have their results: a job of lines, compressed or not, also beside older results', async () => {
    const root = await temporaryFolder();
    const input = await writeIn(root, `in/${long}.jso`, numbers(2));
    await writeIn(root, `in/${'é'.repeat(126)}.gz`, gzipSync(numbers(2)));
    const output = join(root, 'out');
    const { jobs, rejected } = await run('double', [join(root, 'in')], { output });
    expect(jobs.map(({ status }) => status)).toEqual(['complete', 'complete']);
    await writeIn(root, `in/${long}.jso`, numbers(3));
    const resumed = await run('double', [input], { output, existing: 'resume' });
    expect(resumed.jobs[0]?.folder).toMatch(/\/x+~[0-9a-f]{16}$/);
    expect([rejected, resumed.rejected]).toEqual([[], []]);
  });

  test('are explained where their input is rejected', async () => {
    const root = await temporaryFolder();
    const name = `${'x'.repeat(252)}.gz`;
    const output = join(root, 'out');
    const { rejected } = await run('double', [await writeIn(root, name, cutShort)], { output });
    expect(rejected).toHaveLength(1);
    const [path = ''] = await filesBelow(join(output, '_rejected'));
    expect(JSON.parse(await readFile(join(output, '_rejected', path), 'utf8'))).toMatchObject({
      key: `double/${name}`,
    });
  });

  test('have an answer of their own where each file is an element', async () => {
    const root = await temporaryFolder();
    const names = [`${'x'.repeat(250)}a.bin`, `${'x'.repeat(250)}b.bin`];
    for (const name of names) await writeIn(root, `in/${name}`, 'x');
    const { loose } = await run('bytes', [join(root, 'in/*')], { output: join(root, 'out') });
    expect(loose.map(({ succeeded }) => succeeded)).toEqual([true, true]);
    const answers = await contentsBelow(join(root, 'out/bytes'));
    const ids = Object.values(answers).map((text) => (JSON.parse(text) as { id: string }).id);
    expect(ids.toSorted()).toEqual(names.map((name) => `${name}#0`));
    expect(Object.keys(answers)).toEqual([expect.stringMatching(/\.json$/), expect.stringMatching(/\.json$/)]);
  });
});

test('files of a folder that can not be read are elements that fail, each with its reason', async () => {
  const root = await temporaryFolder();
  await writeIn(root, 'in/a.bin', 'x');
  await symlink('none', join(root, 'in/b.bin'));
  const { jobs } = await run('bytes', [join(root, 'in')], { output: join(root, 'out') });
  expect(jobs[0]?.notes[0]).toMatchObject({ elements: 2, succeeded: 1, failedByStage: { read: 1 } });
  const errors = await readFile(join(root, 'out/bytes/in/_errors/errors-00000-of-00001.jsonl'), 'utf8');
  expect(JSON.parse(errors)).toMatchObject({
    id: 'in#1',
    error: { name: 'SourceGone', message: 'it is a link to none, which is not there' },
  });
});
