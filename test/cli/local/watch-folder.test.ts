import { once } from 'node:events';
import { open, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FolderUploads, watchFolder } from '../../../cli/local/watch-folder.ts';
import { makeNamedPipe, temporaryFolder, writeIn } from '../../temporary-folder.ts';
import { eventually } from '../../eventually.ts';

interface Told {
  readonly uploads: FolderUploads;
  readonly keys: string[];
  readonly strays: string[];
  readonly skipped: string[];
  /** Entries that are not regular files, each with the reason. */
  readonly odd: string[];
  readonly errors: string[];
}

function uploadsOf(folder: string, upload: (key: string) => Promise<void> = async () => {}): Told {
  const keys: string[] = [];
  const strays: string[] = [];
  const skipped: string[] = [];
  const odd: string[] = [];
  const errors: string[] = [];
  const uploads = new FolderUploads({
    folder,
    pipelines: ['wine', 'digits'],
    async upload(key) {
      keys.push(key);
      await upload(key);
    },
    onStray: (path) => strays.push(path),
    onSkipped: (path) => skipped.push(path),
    onOdd: (path, reason) => odd.push(`${path.slice(folder.length + 1)}: ${reason}`),
    onError: (path) => errors.push(path),
  });
  return { uploads, keys, strays, skipped, odd, errors };
}

function link(name: string, target: string): string {
  return `${name}: it is a link to ${target}, and links are not followed here: put a copy in its place`;
}

describe("a folder's uploads", () => {
  test('are its files by their paths: hidden ones left out, those of no pipeline told of', async () => {
    const folder = await temporaryFolder();
    for (const name of ['wine/a.jsonl', 'digits/set 1/1.png', 'wine/.hidden', '.git/config', 'digits/.x/y.png'])
      await writeIn(folder, name, 'x');
    const strays = [await writeIn(folder, 'other/c.jsonl', 'x'), await writeIn(folder, 'stray.jsonl', 'x')];
    const told = uploadsOf(folder);
    await told.uploads.addAll();
    await told.uploads.settled();
    expect(told.keys.toSorted()).toEqual(['digits/set 1/1.png', 'wine/a.jsonl']);
    expect(told.strays.toSorted()).toEqual(strays);
    expect(told.errors).toEqual([]);
  });

  test('leave out notes and hidden files, each told of once', async () => {
    const folder = await temporaryFolder();
    for (const name of ['wine/a', 'wine/_SUCCESS', 'wine/_temporary/0/b', 'wine/_temporary/1/b', '.git/config'])
      await writeIn(folder, name, 'x');
    const told = uploadsOf(folder);
    await told.uploads.addAll();
    await told.uploads.settled();
    expect(told.skipped).toEqual(['.git', 'wine/_SUCCESS', 'wine/_temporary'].map((name) => join(folder, name)));
    expect(told.keys).toEqual(['wine/a']);
  });

  test('leave out everything that is not a regular file, and follow no link', async () => {
    const root = await temporaryFolder();
    const folder = join(root, 'in');
    await writeIn(root, 'outside/secret.jsonl', 'secret');
    await writeIn(folder, 'wine/a', 'x');
    const links = { inside: 'a', outside: '../../outside/secret.jsonl', folder: '../../outside', loop: 'loop' };
    for (const [name, target] of Object.entries({ ...links, broken: 'nowhere', device: '/dev/zero' }))
      await symlink(target, join(folder, 'wine', name));
    await symlink('../outside', join(folder, 'digits'));
    makeNamedPipe(join(folder, 'wine/pipe'));
    const socket = createServer().listen(join(folder, 'wine/socket'));
    await once(socket, 'listening');
    const told = uploadsOf(folder);
    await told.uploads.addAll();
    await told.uploads.settled();
    socket.close();
    const notAFile = 'not a regular file: write its content to a file first';
    expect(told.odd.toSorted()).toEqual([
      link('digits', '../outside'),
      link('wine/broken', 'nowhere'),
      link('wine/device', '/dev/zero'),
      link('wine/folder', '../../outside'),
      link('wine/inside', 'a'),
      link('wine/loop', 'loop'),
      link('wine/outside', '../../outside/secret.jsonl'),
      `wine/pipe: it is a named pipe (FIFO), ${notAFile}`,
      `wine/socket: it is a socket, ${notAFile}`,
    ]);
    expect({ keys: told.keys, strays: told.strays, errors: told.errors }).toEqual({
      keys: ['wine/a'],
      strays: [],
      errors: [],
    });
  });

  test('take names as they are, whatever their Unicode form', async () => {
    const folder = await temporaryFolder();
    for (const name of ['wine/caf\u00e9', 'wine/cafe\u0301']) await writeIn(folder, name, 'x');
    const told = uploadsOf(folder);
    await told.uploads.addAll();
    await told.uploads.settled();
    expect(new Set(told.keys)).toEqual(new Set(['wine/caf\u00e9', 'wine/cafe\u0301']));
  });

  test('run eight at a time, and all of them, whatever fails', async () => {
    const folder = await temporaryFolder();
    const paths = await Promise.all(Array.from({ length: 30 }, (_, n) => writeIn(folder, `wine/${n}`, 'x')));
    let running = 0;
    let most = 0;
    const told = uploadsOf(folder, async (key) => {
      most = Math.max(most, (running += 1));
      await new Promise((resolve) => void setImmediate(resolve));
      running -= 1;
      if (key === 'wine/7') throw new Error('no');
    });
    for (const path of paths) told.uploads.add(path);
    await told.uploads.settled();
    expect(most).toBe(8);
    expect(told.keys).toHaveLength(30);
    expect(told.errors).toEqual([join(folder, 'wine/7')]);
  });

  test('upload a file again that changes while it is uploaded, afterwards and once', async () => {
    const folder = await temporaryFolder();
    const path = await writeIn(folder, 'wine/a', 'x');
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let starts = 0;
    const told = uploadsOf(folder, async () => {
      starts += 1;
      await gates[starts - 1]?.promise;
    });
    for (let change = 0; change < 3; change += 1) told.uploads.add(path);
    await eventually(() => expect(starts).toBe(1));
    gates[0]?.resolve();
    await eventually(() => expect(starts).toBe(2));
    gates[1]?.resolve();
    await told.uploads.settled();
    expect(told.keys).toEqual(['wine/a', 'wine/a']);
  });
});

describe('a watched folder', () => {
  test('uploads what is there, and what comes, when it is all written', async () => {
    const folder = await temporaryFolder();
    await writeIn(folder, 'wine/there.jsonl', 'x');
    const told = uploadsOf(folder);
    // A machine that stands still for a second between two writes would have it taken for done.
    await using _watcher = await watchFolder(folder, told.uploads, { stableMillis: 1000 });
    await eventually(() => expect(told.keys).toEqual(['wine/there.jsonl']));
    const file = await open(await writeIn(folder, 'wine/deep/slow.jsonl', ''), 'a');
    for (let line = 0; line < 15; line += 1) {
      await file.write('{}\n');
      // The file grows for longer than it takes to be seen.
      await new Promise((resolve) => void setTimeout(resolve, 100));
      expect(told.keys).toEqual(['wine/there.jsonl']);
    }
    await file.close();
    await eventually(() => expect(told.keys).toEqual(['wine/there.jsonl', 'wine/deep/slow.jsonl']));
    await writeFile(join(folder, 'wine/there.jsonl'), 'another content');
    await eventually(() => expect(told.keys).toHaveLength(3));
    expect(told.keys[2]).toBe('wine/there.jsonl');
  });
});
