import { lstat, open, opendir, readFile, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { codeOf, isMissing } from '../../stores/system-errors.ts';
import type { FolderContents } from './foreign-files.ts';

/** Returns the files below a local folder, including links. If the folder is a file, its path is `''`. */
export function localContents(folder: string): FolderContents {
  return {
    paths: pathsBelow(folder),
    text: (path) => orMissing(() => readFile(join(folder, path), 'utf8')),
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
  const file = await orMissing(() => open(path, 'r'));
  // A broken link counts as existing.
  if (file === undefined) return (await orMissing(() => lstat(path))) === undefined ? undefined : '';
  try {
    if (!(await file.stat()).isFile()) return '';
    const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

async function orMissing<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (isMissing(error) || codeOf(error) === 'EISDIR') return undefined;
    throw error;
  }
}
