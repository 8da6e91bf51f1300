import { constants } from 'node:fs';
import { type FileHandle, lstat, open, opendir, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { codeOf, isMissing } from '../../stores/system-errors.ts';
import type { FolderContents } from './foreign-files.ts';

/** Returns the files below a local folder, including links. If the folder is a file, its path is `''`. */
export function localContents(folder: string): FolderContents {
  return {
    paths: pathsBelow(folder),
    text: (path) => textOf(join(folder, path)),
    start: (path, bytes) => startOf(join(folder, path), bytes),
  };
}

async function* pathsBelow(folder: string): AsyncGenerator<string> {
  const stats = await orMissing(() => stat(folder));
  if (stats === undefined) return;
  if (!stats.isDirectory()) {
    yield '';
    return;
  }
  for await (const entry of await opendir(folder, { recursive: true })) {
    if (!entry.isDirectory()) yield relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/');
  }
}

/** Reads the first bytes of a file as text; undefined if there is no file, `''` if it is not a regular file. */
export async function startOf(path: string, bytes: number): Promise<string | undefined> {
  return readRegular(path, async (file) => {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, 0);
    return buffer.toString('utf8', 0, bytesRead);
  });
}

/** Reads a file as text; undefined if there is no file, `''` if it is not a regular file. */
export async function textOf(path: string): Promise<string | undefined> {
  return readRegular(path, (file) => file.readFile('utf8'));
}

async function readRegular(path: string, read: (file: FileHandle) => Promise<string>): Promise<string | undefined> {
  // Without O_NONBLOCK, opening a named pipe waits for a writer, and blocks a thread that no signal ends.
  const file = await orMissing(() => open(path, constants.O_RDONLY | constants.O_NONBLOCK));
  // A broken link counts as existing.
  if (file === undefined) return (await orMissing(() => lstat(path))) === undefined ? undefined : '';
  try {
    return (await file.stat()).isFile() ? await read(file) : '';
  } finally {
    await file.close();
  }
}

async function orMissing<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    // A socket can't be opened.
    if (isMissing(error) || ['EISDIR', 'ENXIO'].includes(codeOf(error) ?? '')) return undefined;
    throw error;
  }
}
