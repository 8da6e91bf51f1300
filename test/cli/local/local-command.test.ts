import { once } from 'node:events';
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test, vi } from 'vitest';
import { descendantsOf } from '../../processes.ts';
import { configPath, type Ended, fabric, filesBelow, linesIn, startFabric } from '../run-fabric.ts';
import { makeNamedPipe, temporaryFolder, writeIn } from '../../temporary-folder.ts';

function args(folder: string, ...flags: readonly string[]): string[] {
  const folders = ['--input', join(folder, 'in'), '--output', join(folder, 'out')];
  return ['local', ...folders, '--config', configPath, '--workers', '1', ...flags];
}

function runOnce(folder: string, ...flags: readonly string[]): Promise<Ended> {
  return startFabric(args(folder, '--once', ...flags)).ended;
}

/** A line that a function logged, without what stands in parentheses at its end. */
function withoutFacts(line: string): string {
  return line.replace(/ \([^()]*\)$/, '');
}

const numbers = (...ns: readonly number[]): string => ns.map((n) => `{"n":${n}}\n`).join('');

describe('fabric local --once', () => {
  test('deals with all that is there: status 3 where elements failed, a line for each job, the reasons, the tree of results', async () => {
    const folder = await temporaryFolder();
    await writeIn(folder, 'in/numbers/a b/n+1.jsonl', numbers(1, -2, 3));
    await writeIn(folder, 'in/rows/rows.csv', 'id,a,b,c\nr1,1,2,3\n');
    const image = await readFile(new URL('../../../examples/data/digits/digit-0001.png', import.meta.url));
    for (const name of ['1.png', '2.png', 'set/3.png']) await writeIn(folder, `in/images/${name}`, image);
    const { status, stdout, stderr } = await runOnce(folder);
    expect({ status, stderr }).toEqual({ status: 3, stderr: '' });
    // Images are answered one by one, and told of together.
    expect(stdout.split('\n').filter(Boolean).toSorted()).toEqual([
      '   no negative numbers',
      expect.stringMatching(/^1\. 1 failed at map: RangeError \(.*\), such as a b\/n\+1\.jsonl#8$/),
      `images: 3 succeeded, 0 failed: ${join(folder, 'out/images')}/<file>.json`,
      `numbers: 2 succeeded, 1 failed: ${join(folder, 'out/numbers/a b/n+1.jsonl')}`,
      `rows: 1 succeeded, 0 failed: ${join(folder, 'out/rows/rows.csv')}`,
    ]);
    expect(await filesBelow(join(folder, 'out/rows'))).toEqual([
      'rows.csv/_SUCCESS',
      'rows.csv/_job.json',
      'rows.csv/_manifest.json',
      'rows.csv/part-00000-of-00001.jsonl',
    ]);
    expect(await filesBelow(join(folder, 'out/images'))).toEqual(['1.png.json', '2.png.json', 'set/3.png.json']);
    const lines = await linesIn(join(folder, 'out/numbers/a b/n+1.jsonl'));
    expect(lines.map(({ id }) => id)).toEqual(['a b/n+1.jsonl#0', 'a b/n+1.jsonl#17', 'a b/n+1.jsonl#8']);
  });

  test('prints one object with --json, and starts anew in a folder that holds results', async () => {
    const folder = await temporaryFolder();
    const results = join(folder, 'out/numbers/n.jsonl');
    await writeIn(results, '_job.json', '{"version":1,"id":"earlier","of":2,"plan":{"kind":"object"}}\n');
    for (const name of ['_SUCCESS', 'part-00001-of-00002.jsonl', '_errors/errors-00001-of-00002.jsonl'])
      await writeIn(results, name, '{"id":"of an earlier session"}\n');
    await writeIn(folder, 'in/numbers/n.jsonl', numbers(7));
    const { status, stdout, stderr } = await runOnce(folder, '--json');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^\{.*\}\n$/);
    expect(JSON.parse(stdout)).toMatchObject({
      output: join(folder, 'out'),
      total: 1,
      succeeded: 1,
      failed: 0,
      rejected: 0,
      jobs: [{ pipeline: 'numbers', status: 'complete', results }],
    });
    expect((await linesIn(results)).map(({ id }) => id)).toEqual(['n.jsonl#0']);
  });

  test('ends with 1 for a job that was stopped, an object that makes no job, and a file that was not taken', async () => {
    const stopped = await temporaryFolder();
    await writeIn(stopped, 'in/strict/s.jsonl', numbers(1, 2, 3));
    await writeIn(stopped, 'in/stray.txt', '');
    await writeIn(stopped, 'in/numbers/_mine.jsonl', numbers(1));
    await writeIn(stopped, 'in/numbers/damaged.jsonl.gz', gzipSync('{"n":1}\n').subarray(0, -12));
    await writeIn(stopped, 'in/unknown/n.jsonl', numbers(1));
    await symlink(join(stopped, 'nowhere'), join(stopped, 'in/numbers/dangling.jsonl'));
    await writeIn(stopped, 'outside/secret.jsonl', 'secret\n');
    await symlink('../../outside/secret.jsonl', join(stopped, 'in/numbers/secret.jsonl'));
    makeNamedPipe(join(stopped, 'in/numbers/pipe.jsonl'));
    const { status, stdout, stderr } = await runOnce(stopped);
    expect(status).toBe(1);
    expect(stdout).toMatch(/^strict: 0 succeeded, \d failed/m);
    expect(new Set(stderr.split('\n').map(withoutFacts))).toEqual(
      new Set([
        expect.stringMatching(
          /^fabric: .*in\/numbers\/dangling\.jsonl is skipped: it is a link to .*nowhere, and links/,
        ),
        expect.stringMatching(/^fabric: .*in\/numbers\/secret\.jsonl is skipped: it is a link to .*secret\.jsonl, and/),
        expect.stringMatching(/^fabric: .*in\/numbers\/pipe\.jsonl is skipped: it is a named pipe/),
        expect.stringMatching(/^fabric: .*in\/numbers\/_mine\.jsonl is skipped: its name begins with '_' or '\.'$/),
        expect.stringMatching(
          /^fabric: .*in\/stray\.txt is not in a pipeline's folder: move it to .*in\/<pipeline>\/$/,
        ),
        expect.stringMatching(/^fabric: .*in\/unknown\/n\.jsonl is not in a pipeline's folder/),
        expect.stringMatching(/^fabric: object rejected/),
        '',
      ]),
    );
    expect(await filesBelow(join(stopped, 'out/_rejected'))).toEqual(['numbers/damaged.jsonl.gz.json']);
  });
});

describe('results that can not be written', () => {
  test('end fabric local with 1, hold back the end of their job only, and are there after the next run', async () => {
    const folder = await temporaryFolder();
    for (const name of ['blocked.jsonl', 'good.jsonl', 'back\\slash.jsonl'])
      await writeIn(folder, `in/numbers/${name}`, numbers(1, 2));
    const blocked = join(folder, 'out/numbers/blocked.jsonl');
    const part = 'part-00000-of-00001.jsonl';
    await mkdir(join(blocked, part), { recursive: true });
    const first = await runOnce(folder, '--json');
    expect(first.status).toBe(1);
    expect(first.stderr.split('\n').toSorted()).toEqual([
      '',
      expect.stringMatching(
        /^fabric: numbers\/back\\slash\.jsonl\/_job\.json can't be written .* rename the input\. Until/,
      ),
      expect.stringMatching(
        /^fabric: numbers\/blocked\.jsonl\/part-.* can't be written to .*: .* is a folder: move it\. Until/,
      ),
      'fabric: results of numbers/back\\slash.jsonl are incomplete: 4 files missing',
      'fabric: results of numbers/blocked.jsonl are incomplete: 3 files missing',
    ]);
    const { jobs, unwritten } = JSON.parse(first.stdout) as {
      jobs: { results: string; isWritten: boolean }[];
      unwritten: string[];
    };
    expect(jobs.filter(({ isWritten }) => isWritten).map(({ results }) => results)).toEqual([
      join(folder, 'out/numbers/good.jsonl'),
    ]);
    expect(unwritten.toSorted()).toEqual(['numbers/back\\slash.jsonl', 'numbers/blocked.jsonl']);
    expect(await filesBelow(join(folder, 'out'))).toEqual([
      'numbers/blocked.jsonl/_job.json',
      ...['_SUCCESS', '_job.json', '_manifest.json', part].map((name) => `numbers/good.jsonl/${name}`),
    ]);
    await rm(join(blocked, part), { recursive: true });
    await rm(join(folder, 'in/numbers/back\\slash.jsonl'));
    const { status, stdout, stderr } = await runOnce(folder);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain(`numbers: 2 succeeded, 0 failed: ${blocked}\n`);
    expect(await filesBelow(blocked)).toEqual(['_SUCCESS', '_job.json', '_manifest.json', part]);
  });
});

describe('fabric local', () => {
  test('says where to drop files, answers those that come, and ends with 0 at Ctrl-C, leaving nothing behind', async () => {
    const folder = await temporaryFolder();
    const { child, ended } = startFabric(args(folder));
    let printed = '';
    child.stdout?.on('data', (text: string) => void (printed += text));
    await vi.waitFor(() => expect(printed).toMatch(/AWS_ENDPOINT_URL=http:\/\/127\.0\.0\.1:\d+/), 15_000);
    expect(printed).toContain(`Drop files in ${join(folder, 'in')}/<pipeline>/`);
    await writeIn(folder, 'in/numbers/n.jsonl', numbers(1, 2));
    await vi.waitFor(() => expect(printed).toContain('numbers: 2 succeeded, 0 failed'), 15_000);
    await writeFile(join(folder, 'in/numbers/n.jsonl'), numbers(3));
    await vi.waitFor(() => expect(printed).toContain('numbers: 1 succeeded, 0 failed'), 15_000);
    const started = descendantsOf(child.pid ?? 0);
    child.kill('SIGINT');
    const { status, stderr } = await ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(started.filter((pid) => descendantsOf(process.pid).includes(pid))).toEqual([]);
    // The second version of the file is a job of its own.
    const jobs = (await filesBelow(join(folder, 'out/numbers'))).filter((path) => path.endsWith('_SUCCESS'));
    expect(jobs.map(dirname)).toEqual(['n.jsonl', expect.stringMatching(/^n\.jsonl@[0-9a-f]{12}$/)]);
  });

  test('ends at SIGTERM also while something hangs that can not be interrupted', async () => {
    const folder = await temporaryFolder();
    const hangs = 'setInterval(() => {}, 1000); console.error("hangs"); await new Promise(() => {});';
    const config = await writeIn(folder, 'hangs.config.ts', hangs);
    const { child, ended } = startFabric([...args(folder, '--once'), '--config', config]);
    await once(child.stderr ?? child, 'data');
    child.kill('SIGTERM');
    const { signal, stderr } = await ended;
    expect({ signal, stderr }).toEqual({
      signal: 'SIGTERM',
      stderr: 'hangs\nfabric: interrupted; files without results start over in the next run\n',
    });
  });

  test.each([
    ['a config that is not there', ['--config', 'nowhere.config.ts'], /there is no config file .*nowhere\.config\.ts/],
    ['folders that contain each other', ['--output', 'in/out', '--input', 'in'], /must not contain each other/],
    ['an option that it does not have', ['--fast'], /unknown option '--fast'/],
  ])('refuses %s with status 2', async (_what, flags, message) => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'in'));
    const { status, stdout, stderr } = await fabric([...args(folder), ...flags], { cwd: folder });
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n\s+at /);
    await rm(join(folder, 'in'), { recursive: true });
    expect(await filesBelow(folder)).toEqual([]);
  });
});
