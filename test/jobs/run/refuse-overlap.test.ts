import { mkdir, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { FormatName } from '../../../lib/formats/registry.ts';
import { findInputs } from '../../../lib/jobs/run/find-inputs.ts';
import { folderOutput } from '../../../lib/jobs/run/folder-output.ts';
import { refuseOverlap } from '../../../lib/jobs/run/refuse-overlap.ts';
import type { RunInput } from '../../../lib/jobs/run/run-input.ts';
import { temporaryFolder, writeIn } from '../../temporary-folder.ts';

interface Case {
  readonly pipeline: string;
  /** Paths below the test's folder. */
  readonly args: readonly string[];
  readonly output: string;
  readonly format?: FormatName;
}

const FILES = ['data/x.csv', 'data/deep/y.csv', 'photos/2024/a.png', 'photos/b.png', 'p/x.csv/old', 'elsewhere/z.csv'];

/** Message of a run about its output, in a folder that contains FILES, links `link` to data, `z` to elsewhere/z.csv, and `outs` to photos. */
async function refusal({ pipeline, args, output, format = 'csv' }: Case): Promise<string | undefined> {
  const root = await temporaryFolder();
  for (const name of FILES) await writeIn(root, name, '');
  await symlink(join(root, 'data'), join(root, 'link'));
  await symlink(join(root, 'photos'), join(root, 'outs'));
  await mkdir(join(root, 'deep'));
  await symlink(join(root, 'elsewhere/z.csv'), join(root, 'deep/z.csv'));
  const given = args.map((arg) => join(root, arg));
  const inputs = await findInputs(given, format);
  try {
    await refuseOverlap({ args: given, inputs, pipelineName: pipeline, output: folderOutput(join(root, output)) });
    return undefined;
  } catch (error) {
    return (error as Error).message.replaceAll(`${root}/`, '').replaceAll(root, '.');
  }
}

const CONTAINS = "'--output' must not contain an input";

describe('refuseOverlap', () => {
  test.each<[what: string, given: Case, message: string | undefined]>([
    ['a file, results beside it', { pipeline: 'p', args: ['data/x.csv'], output: 'out' }, undefined],
    ['a file, output is a folder above it', { pipeline: 'q', args: ['data/x.csv'], output: '.' }, CONTAINS],
    ['a file, output is its folder', { pipeline: 'p', args: ['data/x.csv'], output: 'data' }, CONTAINS],
    ['files of a glob, output is their folder', { pipeline: 'p', args: ['data/*.csv'], output: 'data' }, CONTAINS],
    ['a directory, output above it', { pipeline: 'p', args: ['data'], output: '.' }, CONTAINS],
    ['a directory, another whose name starts so', { pipeline: 'p', args: ['data'], output: 'data2' }, undefined],
    ['an image by itself, its answer beside it', img('photos', ['photos/b.png'], '.'), CONTAINS],
    [
      'a file, its results are the file',
      { pipeline: 'data', args: ['data/x.csv'], output: '.' },
      'the results of data/x.csv would go to data/x.csv, which is the input data/x.csv',
    ],
    [
      'a file, its results lie in the file',
      { pipeline: 'p', args: ['data/x.csv'], output: 'data/x.csv' },
      'the results of data/x.csv would go to data/x.csv/p/x.csv, which is in the input data/x.csv',
    ],
    [
      'a file, its results contain another input',
      { pipeline: 'p', args: ['data/x.csv', 'p/x.csv/old'], output: '.' },
      'the results of data/x.csv would go to p/x.csv, which contains the input p/x.csv/old',
    ],
    [
      'a file, its results are the file through a link',
      { pipeline: 'link', args: ['data/x.csv'], output: '.' },
      'the results of data/x.csv would go to link/x.csv, which is the input data/x.csv',
    ],
    [
      'a link to a file, its results are the file',
      { pipeline: 'elsewhere', args: ['deep/z.csv'], output: '.' },
      'the results of deep/z.csv would go to elsewhere/z.csv, which is the input deep/z.csv',
    ],
    [
      'files of a glob, results are one of them',
      { pipeline: 'data', args: ['data/*.csv'], output: 'data/..' },
      'the results of data/x.csv would go to data/x.csv, which is the input data/x.csv',
    ],
    ['a directory, output is it', { pipeline: 'p', args: ['data'], output: 'data' }, inside('data', 'data')],
    [
      'a directory, output lies in it',
      { pipeline: 'p', args: ['data/'], output: 'data/out/deep' },
      inside('data/out/deep', 'data'),
    ],
    [
      'a directory, output lies in it through a link',
      { pipeline: 'p', args: ['data'], output: 'link/out' },
      inside('link/out', 'data'),
    ],
    [
      'a link to a directory, output lies in it',
      { pipeline: 'p', args: ['link'], output: 'data/out' },
      inside('data/out', 'link'),
    ],
    ['one of two directories', { pipeline: 'p', args: ['elsewhere', 'data'], output: 'data' }, inside('data', 'data')],
    [
      'a directory, its results are the directory',
      img('photos', ['photos/2024'], '.'),
      'the results of photos/2024 would go to photos/2024, which is the input photos/2024',
    ],
    [
      'a directory, its results are the directory through a link',
      img('outs', ['photos/2024'], '.'),
      'the results of photos/2024 would go to outs/2024, which is the input photos/2024',
    ],
    [
      'a directory, its results lie in it',
      img('photos', ['photos'], '.'),
      'the results of photos would go to photos/photos, which is in the input photos',
    ],
    [
      'a directory of files, their results are the files',
      { pipeline: 'data', args: ['data'], output: '.' },
      'the results of data/deep/y.csv would go to data/deep/y.csv, which is the input data/deep/y.csv',
    ],
  ])('%s', async (_what, given, message) => {
    const said = await refusal(given);
    if (message === undefined) expect(said).toBeUndefined();
    else expect(said).toContain(message);
  });

  test.each<[args: string, inputs: readonly string[], pipeline: string, output: string, message: string | undefined]>([
    ['s3://b/in/', ['s3://b/in/x.csv'], 'p', 's3://b/out', undefined],
    ['s3://b/in/', ['s3://b/in/x.csv'], 'p', 's3://b/in2', undefined],
    ['s3://b/in/', ['s3://b/in/x.csv'], 'p', 's3://other/in', undefined],
    ['s3://b/in/', ['s3://b/in/x.csv'], 'p', 's3://b', CONTAINS],
    ['s3://b/in/x.csv', ['s3://b/in/x.csv'], 'p', 's3://b/in', CONTAINS],
    ['s3://b/in/', ['s3://b/in/x.csv'], 'p', 's3://b/in', "'--output' must not lie in an input"],
    ['s3://b/in/', ['s3://b/in/x.csv'], 'p', 's3://b/in/out', "'--output' must not lie in an input"],
    ['s3://b', ['s3://b/in/x.csv'], 'p', 's3://b/out', "'--output' must not lie in an input"],
    ['s3://b/', ['s3://b/in/x.csv'], 'p', 's3://b', "'--output' must not lie in an input"],
    ['s3://b/in/', ['s3://b/in/x.csv'], 'in', 's3://b', 's3://b/in/x.csv, which is the input s3://b/in/x.csv'],
    ['s3://b/in/x.csv', ['s3://b/in/x.csv'], 'in', 's3://b', 's3://b/in/x.csv, which is the input s3://b/in/x.csv'],
  ])('%s of %j by %s to %s', async (arg, uris, pipelineName, address, message) => {
    const inputs = uris.map((uri): RunInput => ({ kind: 'object', uri, name: uri.slice(`${dirname(uri)}/`.length) }));
    const output = { address, shown: (key: string) => `${address}/${key}` };
    const refused = refuseOverlap({ args: [arg], inputs, pipelineName, output });
    if (message === undefined) await expect(refused).resolves.toBeUndefined();
    else await expect(refused).rejects.toThrow(message);
  });
});

function img(pipeline: string, args: readonly string[], output: string): Case {
  return { pipeline, args, output, format: 'images' };
}

function inside(output: string, input: string): string {
  return `'--output' must not lie in an input: ${output} is in ${input}`;
}

test('a link among many files is followed, as one among few is', async () => {
  const root = await temporaryFolder();
  const names = Array.from({ length: 100 }, (_, index) => `${index}.csv`);
  for (const name of names) await writeIn(root, `data/${name}`, '');
  await writeIn(root, 'out/p/elsewhere.csv', '');
  await symlink(join(root, 'out/p/elsewhere.csv'), join(root, 'data/link.csv'));
  const args = [join(root, 'data')];
  const inputs = await findInputs(args, 'csv');
  const refusing = refuseOverlap({ args, inputs, pipelineName: 'p', output: folderOutput(join(root, 'out')) });
  await expect(refusing).rejects.toThrow(`${CONTAINS}: ${join(root, 'data/link.csv')}`);
  const others = inputs.filter(({ name }) => name !== 'link.csv');
  await refuseOverlap({ args, inputs: others, pipelineName: 'p', output: folderOutput(join(root, 'out')) });
});
