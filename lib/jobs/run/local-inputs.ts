import { stat } from 'node:fs/promises';
import { basename, join, relative, resolve } from 'node:path';
import { glob, isDynamicPattern } from 'tinyglobby';
import type { FormatName } from '../../formats/format.ts';
import { InputError, isObjectFormat, objectInput, type RunInput } from './run-input.ts';

/** Finds what a file's or a directory's path names, or a glob. @throws InputError where that is nothing */
export async function findLocalInput(arg: string, format: FormatName): Promise<readonly RunInput[]> {
  const path = resolve(arg);
  const stats = await stat(path).catch(() => undefined);
  if (stats?.isFile() === true) return [objectInput({ uri: path }, basename(path), format)];
  if (stats?.isDirectory() === true) return findInDirectory(path, arg, format);
  if (!isDynamicPattern(arg)) throw new InputError(`there is no file or directory ${arg}`);
  const base = fixedFolder(arg);
  const files = await filesBelow(base, relative(base, resolve(arg)));
  if (files.length === 0) throw new InputError(`no file matches ${arg}`);
  return files.map((file) => objectInput({ uri: join(base, file) }, file, format));
}

async function findInDirectory(path: string, arg: string, format: FormatName): Promise<readonly RunInput[]> {
  const files = await filesBelow(path, '**');
  if (files.length === 0) throw new InputError(`there are no files in ${arg}`);
  if (!isObjectFormat(format)) return files.map((file) => objectInput({ uri: join(path, file) }, file, format));
  const objects = files.map((file) => ({ uri: join(path, file) }));
  return [{ kind: 'folder', uri: path, name: basename(path), objects }];
}

/** Files below a folder by their paths there, in order; hidden ones are left out. */
async function filesBelow(cwd: string, pattern: string): Promise<string[]> {
  const files = await glob(pattern, { cwd, onlyFiles: true, expandDirectories: false });
  return files.sort();
}

function fixedFolder(pattern: string): string {
  const parts = resolve(pattern).split('/');
  const first = parts.findIndex((part) => isDynamicPattern(part));
  return parts.slice(0, first).join('/') || '/';
}
