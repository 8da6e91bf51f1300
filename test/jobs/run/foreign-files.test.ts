import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { getText, type ObjectStore } from '../../../lib/stores/object-store.ts';
import { folderOutput } from '../../../lib/jobs/run/folder-output.ts';
import { openOutput } from '../../../lib/jobs/run/open-output.ts';
import type { RunOutput } from '../../../lib/jobs/run/run-output.ts';
import { startTestAws, type TestAws } from '../../embedded-aws.ts';
import { temporaryFolder, writeIn } from '../../temporary-folder.ts';
import { filesBelow, inputRunner, manifestIn, numbers, type RunInputsOptions } from './run-inputs.ts';

const run = inputRunner();

let aws: TestAws;
beforeAll(async () => {
  aws = await startTestAws();
  await aws.createBucket('results');
});
afterAll(() => aws[Symbol.asyncDispose]());

type Files = Readonly<Record<string, string>>;

/** A place for results that a test can fill and read. */
interface Place {
  readonly open: () => RunOutput | Promise<RunOutput>;
  readonly write: (path: string, text: string) => Promise<unknown>;
  readonly files: () => Promise<Files>;
}

async function folderPlace(): Promise<Place> {
  const root = await temporaryFolder();
  return {
    open: () => folderOutput(root),
    write: (path, text) => writeIn(root, path, text),
    async files() {
      const entries = await readdir(root, { recursive: true, withFileTypes: true });
      const paths = entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
      return Object.fromEntries(
        await Promise.all(paths.map(async (path) => [relative(root, path), await readFile(path, 'utf8')] as const)),
      );
    },
  };
}

let prefixes = 0;

async function storedPlace(): Promise<Place> {
  const prefix = `place-${(prefixes += 1)}`;
  const { store }: { store: ObjectStore } = aws;
  const bucket = 'results';
  return {
    open: () => openOutput(`s3://${bucket}/${prefix}`),
    write: (path, text) => store.put({ bucket, key: `${prefix}/${path}` }, text),
    async files() {
      const keys = (await Array.fromAsync(store.list(bucket, `${prefix}/`))).map(({ key }) => key);
      const read = async (key: string) =>
        [key.slice(prefix.length + 1), (await getText(store, { bucket, key }))?.text ?? ''] as const;
      return Object.fromEntries(await Promise.all(keys.map(read)));
    },
  };
}

/** Files of a user in the place of results, by the kind of the pipeline's folder there. */
const FOREIGN: readonly (readonly [what: string, files: Files])[] = [
  ['photos and notes', { '1.jpg': 'photo', 'deep/2.jpg': 'photo', 'README.txt': 'mine' }],
  [
    'parts of another program',
    { 'part-00000-of-00002.jsonl': 'mine', _SUCCESS: '', '_errors/errors-00000-of-00002.jsonl': 'mine' },
  ],
  ['a _job.json of another program', { '_job.json': '{"name":"train","steps":[1,2]}' }],
  ['a _job.json that is no JSON', { '_job.json': 'nightly' }],
  ['a plan whose id leads elsewhere', { '_job.json': '{"version":1,"id":"../../../mine","of":1,"plan":{}}' }],
  ['a manifest of another program', { '_manifest.json': '{"status":"complete"}' }],
  ['hidden files', { '.git/config': 'mine' }],
  ['a file where a folder would be', { '': 'mine' }],
];

const RUNS: readonly (readonly [what: string, flags: Pick<RunInputsOptions, 'existing' | 'limit'>])[] = [
  ['nothing', { existing: 'refuse' }],
  ['--resume', { existing: 'resume' }],
  ['--overwrite', { existing: 'overwrite' }],
  ['--limit', { existing: 'refuse', limit: 3 }],
  ['--overwrite --limit', { existing: 'overwrite', limit: 3 }],
];

const PIPELINES = [
  ['double', 'n.jsonl'],
  ['bytes', 'scans'],
] as const;

/** The path of a file of a user, in the folder that the results would have. */
function below(folder: string, files: Files): Files {
  return Object.fromEntries(
    Object.entries(files).map(([path, text]) => [path === '' ? folder : `${folder}/${path}`, text]),
  );
}

async function inputOf(pipeline: 'double' | 'bytes'): Promise<string> {
  const root = await temporaryFolder();
  if (pipeline === 'double') return writeIn(root, 'n.jsonl', numbers(20, [3]));
  for (const name of ['a', 'b', 'c', 'd', 'e']) await writeIn(root, `scans/${name}`, name);
  return join(root, 'scans');
}

describe.each([
  ['a folder', folderPlace],
  ['a prefix of a bucket', storedPlace],
] as const)('a run to %s', (kind, openPlace) => {
  describe.each(FOREIGN)('that holds %s', (_what, files) => {
    test.each(RUNS)('with %s leaves every byte of them and refuses to go on', async (_flag, flags) => {
      // S3 has no folders: an object may be called as a folder is.
      if (kind !== 'a folder' && '' in files) return;
      for (const [pipeline, name] of PIPELINES) {
        const place = await openPlace();
        const foreign = below(`${pipeline}/${name}`, files);
        for (const [path, text] of Object.entries(foreign)) await place.write(path, text);
        const input = await inputOf(pipeline);
        const options = { output: await place.open(), ...flags };
        await expect(run(pipeline, [input], options)).rejects.toThrow('that fabric did not write');
        expect(await place.files()).toEqual(foreign);
      }
    });
  });

  test('keeps files beside its results, through every flag', async () => {
    for (const [pipeline, name] of PIPELINES) {
      const place = await openPlace();
      const input = await inputOf(pipeline);
      await run(pipeline, [input], { output: await place.open(), limit: 3 });
      const mine = below(`${pipeline}/${name}`, {
        'notes.txt': 'mine',
        '_errors/notes.txt': 'mine',
        'part-of-mine.jsonl': 'mine',
        'notes.txt.123.tmp': 'mine',
        'deep/part-00000-of-00001.jsonl': 'mine',
        // Names of results in folders of earlier versions only.
        'job.json': 'mine',
        'manifest.json': '{"mine":true}',
        'errors/part-00000-of-00001.jsonl': 'mine',
      });
      const others = { 'mine.txt': 'mine', [`${pipeline}/mine.json`]: '{}', ...mine };
      for (const [path, text] of Object.entries(others)) await place.write(path, text);
      for (const existing of ['refuse', 'resume', 'overwrite'] as const) {
        await run(pipeline, [input], { output: await place.open(), existing });
        expect(await place.files()).toMatchObject(others);
      }
    }
  });

  test.each(RUNS)('with %s keeps a file in the place of an answer', async (_flag, flags) => {
    const place = await openPlace();
    const input = await writeIn(await temporaryFolder(), 'a.png', 'xyz');
    for (const text of ['{"id":"mine"}', '', '{"id":"b.png#0","prediction":1}\n']) {
      await place.write('bytes/a.png.json', text);
      const options = { output: await place.open(), ...flags };
      await expect(run('bytes', [input], options)).rejects.toThrow('is a file that fabric did not write');
      expect(await place.files()).toEqual({ 'bytes/a.png.json': text });
    }
  });

  test.each(['refuse', 'resume', 'overwrite'] as const)(
    'has results of other jobs and answers inside a folder stay, and is not kept from it by them (%s)',
    async (existing) => {
      const place = await openPlace();
      const root = await temporaryFolder();
      await writeIn(root, 'in/a/b.jsonl', numbers(5));
      await writeIn(root, 'in/a/deep/c.jsonl', numbers(3));
      await run('double', [join(root, 'in')], { output: await place.open() });
      const before = await place.files();
      // Called as the folder in which the others are.
      const outer = await writeIn(root, 'other/a', numbers(7));
      await place.write('double/a/.DS_Store', 'system');
      await run('double', [outer], { output: await place.open(), existing });
      const after = await place.files();
      expect(after).toMatchObject(before);
      expect(Object.keys(after)).toContain('double/a/_SUCCESS');
    },
  );
});

test("results of an input called 'errors' do not go where another's errors are", async () => {
  const root = await temporaryFolder();
  const output = join(root, 'out');
  await writeIn(root, 'in/a/errors', numbers(8));
  await run('double', [join(root, 'in')], { output });
  const outer = await writeIn(root, 'other/a', numbers(8, [0, 5]));
  await run('double', [outer], { output });
  expect(await manifestIn(join(output, 'double/a'))).toMatchObject({ counts: { total: 8, failed: 2 } });
  const files = await filesBelow(join(output, 'double/a'));
  expect(files.filter((path) => path.startsWith('_errors/'))).toHaveLength(2);
  expect(files.filter((path) => /^errors@[0-9a-f]{12}\/_SUCCESS$/.test(path))).toHaveLength(1);
});
