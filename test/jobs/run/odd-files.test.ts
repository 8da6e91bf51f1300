import { execFileSync } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { findInputs } from '../../../lib/jobs/run/find-inputs.ts';
import type { RunInput } from '../../../lib/jobs/run/run-input.ts';
import { makeNamedPipe, temporaryFolder, writeIn } from '../../temporary-folder.ts';

type Make = (path: string) => Promise<unknown>;

/** Things that are in a folder and are no regular files, by what is said of them. */
const ODD: readonly (readonly [what: string, make: Make, name: string, message: string])[] = [
  [
    'a link to what is not there',
    (path) => symlink('../.git/annex/objects/none', path),
    'SourceGone',
    'it is a link to ../.git/annex/objects/none, which is not there',
  ],
  [
    'a link that leads to itself',
    (path) => symlink(path, path),
    'SourceUnreadable',
    'its links lead back to themselves',
  ],
  [
    'a named pipe',
    async (path) => makeNamedPipe(path),
    'SourceNotAFile',
    'it is a named pipe (FIFO), not a regular file: write its content to a file first',
  ],
  [
    'a link to a device',
    (path) => symlink('/dev/null', path),
    'SourceNotAFile',
    'it is a device, not a regular file: write its content to a file first',
  ],
  ['a socket', listenAt, 'SourceNotAFile', 'it is a socket, not a regular file: write its content to a file first'],
];

async function listenAt(path: string): Promise<void> {
  const server = createServer().listen(path);
  onTestFinished(() => void server.close());
  await new Promise((resolve) => void server.once('listening', resolve));
}

async function folderWith(make: Make): Promise<string> {
  const folder = await temporaryFolder();
  await writeIn(folder, 'in/a.csv', 'x\n1\n');
  await make(join(folder, 'in/b.csv'));
  return join(folder, 'in');
}

function shown(input: RunInput): string {
  const { kind, name } = input;
  const failure = 'failure' in input ? input.failure : undefined;
  return failure === undefined ? `${kind} ${name}` : `${kind} ${name}: ${failure.name}: ${failure.message}`;
}

describe.each(ODD)('%s', (_what, make, name, message) => {
  test.each(['', '*.csv', '**', 'b.csv'])("is rejected by name as an input of lines, by '%s'", async (arg) => {
    const folder = await folderWith(make);
    const rejected = `rejected b.csv: ${name}: ${message}`;
    expect((await findInputs([join(folder, arg)], 'csv')).map(shown)).toEqual(
      arg === 'b.csv' ? [rejected] : ['object a.csv', rejected],
    );
  });

  test('is an element that fails where each file is one', async () => {
    const folder = await folderWith(make);
    const [input] = await findInputs([folder], 'binary');
    const failure = { name, message };
    expect(input).toHaveProperty('objects', [{ uri: join(folder, 'a.csv') }, { uri: join(folder, 'b.csv'), failure }]);
    for (const arg of ['*', 'b.csv'])
      expect((await findInputs([join(folder, arg)], 'images')).map(shown)).toContain(
        `element b.csv: ${name}: ${message}`,
      );
  });
});

describe('a link', () => {
  test('to a file, hidden or not, or to a folder, is what it leads to', async () => {
    const folder = await temporaryFolder();
    for (const name of ['in/a.csv', 'in/.hidden.csv', 'other/b.csv']) await writeIn(folder, name, '');
    await symlink('a.csv', join(folder, 'in/link.csv'));
    await symlink('.hidden.csv', join(folder, 'in/shown.csv'));
    await symlink('../other', join(folder, 'in/sub'));
    for (const arg of ['in', 'in/**'])
      expect((await findInputs([join(folder, arg)], 'csv')).map(shown)).toEqual(
        ['a.csv', 'link.csv', 'shown.csv', 'sub/b.csv'].map((name) => `object ${name}`),
      );
  });

  test('to a folder that it lies in is not followed, also by way of another', async () => {
    const folder = await temporaryFolder();
    for (const name of ['in/a/x.csv', 'in/b/y.csv']) await writeIn(folder, name, '');
    await symlink('..', join(folder, 'in/a/up'));
    await symlink('../b', join(folder, 'in/a/b'));
    await symlink('../a', join(folder, 'in/b/a'));
    for (const arg of ['in', 'in/**'])
      expect((await findInputs([join(folder, arg)], 'csv')).map(({ name }) => name)).toEqual(
        'a/b/a/x.csv a/b/y.csv a/x.csv b/a/b/y.csv b/a/x.csv b/y.csv'.split(' '),
      );
  });
});

function bytes(folder: string, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${folder}/`), name]);
}

describe('a name', () => {
  const latin1 = Buffer.from('caf\xe9', 'latin1');

  test('that is not UTF-8 is an input that fails alone, and so is a file in a folder of such a name', async () => {
    const folder = await temporaryFolder();
    await writeIn(folder, 'a.csv', '');
    await writeFile(bytes(folder, Buffer.concat([latin1, Buffer.from('.csv')])), '');
    await mkdir(bytes(folder, latin1));
    await writeFile(bytes(folder, Buffer.concat([latin1, Buffer.from('/b.csv')])), '');
    const expected = [
      'object a.csv',
      'rejected caf\\xe9.csv: InvalidFileName: its name is not UTF-8: rename it',
      'rejected caf\\xe9/b.csv: InvalidFileName: the name of its folder is not UTF-8: rename it',
    ];
    for (const arg of [folder, join(folder, '**/*.csv')])
      expect((await findInputs([arg], 'csv')).map(shown)).toEqual(expected);
    const [images] = await findInputs([folder], 'images');
    expect(images?.kind === 'folder' && images.objects.map(({ failure }) => failure?.name)).toEqual([
      undefined,
      'InvalidFileName',
      'InvalidFileName',
    ]);
    // A shell's bytes come as text.
    const named = [join(folder, 'a.csv'), join(folder, `${latin1.toString('utf8')}.csv`)];
    expect((await findInputs(named, 'csv')).map(({ kind }) => kind)).toEqual(['object', 'rejected']);
  });

  test.each([
    ['with line ends', 'a\nb\r\u2028.csv'],
    ['with control characters', '\u0001\u001b[31m.csv'],
    ['in NFC', 'caf\u00e9.csv'],
    ['in NFD', 'cafe\u0301.csv'],
    ['with U+FFFD itself', 'a\ufffd.csv'],
    ['of 255 bytes', `${'x'.repeat(251)}.csv`],
  ])('%s is one like any other', async (_what, name) => {
    const folder = await temporaryFolder();
    await writeIn(folder, name, '');
    for (const arg of ['', '*.csv', '**', name])
      expect((await findInputs([join(folder, arg)], 'csv')).map(shown)).toEqual([`object ${name}`]);
  });

  test('or a path that is too long for the file system is said to be that', async () => {
    const folder = await temporaryFolder();
    for (const name of [`${'x'.repeat(256)}.csv`, 'y/'.repeat(2100)]) {
      const [input] = await findInputs([join(folder, name)], 'csv');
      expect(input).toHaveProperty('failure.message', 'its name or path is too long for the file system');
    }
  });

  test('that is too long below a folder that is given is one input that fails', async () => {
    const root = await temporaryFolder();
    await writeIn(root, 'a.csv', '');
    const step = 'x'.repeat(250);
    execFileSync('bash', ['-c', `for n in $(seq 18); do mkdir ${step} && cd ${step}; done; touch b.csv`], {
      cwd: root,
    });
    // Node can't remove it either.
    onTestFinished(() => void execFileSync('rm', ['-rf', join(root, step)]));
    const [first, second, ...more] = await findInputs([root], 'csv');
    expect([first?.name, more]).toEqual(['a.csv', []]);
    expect(second).toHaveProperty('failure', {
      name: 'SourceUnreadable',
      message: "the files in this folder can't be listed: its name or path is too long for the file system",
    });
  });
});
