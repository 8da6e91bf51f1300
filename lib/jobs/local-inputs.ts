import { stat } from 'node:fs/promises';
import { basename, join, relative, resolve } from 'node:path';
import { glob, isDynamicPattern } from 'tinyglobby';
import { FabricError } from '../errors.ts';
import type { FormatName } from '../formats/format.ts';

/** An input that can't be run as it was given: it is missing, matches nothing, or gets in another's way. */
export class InputError extends FabricError {
  override readonly name = 'InputError';
  constructor(message: string, options?: ErrorOptions) {
    super('WRONG_INPUT', message, options);
  }
}

/** Something to run: an object of many elements, a folder of objects, or an object that is one element by itself. */
export interface LocalInput {
  readonly kind: 'object' | 'folder' | 'element';
  readonly path: string;
  /** What its results are called, and the ids of its elements start with: its path below what was given. */
  readonly name: string;
  /** A folder's objects, in the order of their names. */
  readonly objects?: readonly string[];
}

/** Whether an object of this format is one element. */
export function isObjectFormat(format: FormatName): boolean {
  return format === 'images' || format === 'binary';
}

/**
 * Finds what files, directories and globs name.
 *
 * A file is called by its name; a directory's or glob's files by their paths below it (below a glob's last fixed
 * folder); a directory of objects that are one element each is one job of the directory's name.
 *
 * @throws InputError where an argument names nothing, or two would share a folder of results.
 */
export async function findInputs(args: readonly string[], format: FormatName): Promise<readonly LocalInput[]> {
  const inputs: LocalInput[] = [];
  for (const arg of args) inputs.push(...(await findInput(arg, format)));
  const paths = new Map<string, string>();
  for (const { name, path } of inputs) {
    const other = paths.get(name);
    if (other !== undefined) throw new InputError(`${other} and ${path} would both have their results in '${name}'`);
    paths.set(name, path);
    checkName(name, path);
  }
  for (const { name, path } of inputs) {
    const outer = foldersOf(name).find((folder) => paths.has(folder));
    if (outer !== undefined)
      throw new InputError(`${path} would have its results inside those of ${paths.get(outer)}, in '${name}'`);
  }
  return inputs;
}

/** The folders that a name lies in: of `a/b/c`, `a` and `a/b`. */
function foldersOf(name: string): string[] {
  const parts = name.split('/');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
}

async function findInput(arg: string, format: FormatName): Promise<readonly LocalInput[]> {
  if (arg.startsWith('s3://')) throw new InputError(`${arg}: inputs in S3 can't be run from here yet`);
  const path = resolve(arg);
  const stats = await stat(path).catch(() => undefined);
  if (stats?.isFile() === true) return [fileInput(path, basename(path), format)];
  if (stats?.isDirectory() === true) return findInDirectory(path, arg, format);
  if (!isDynamicPattern(arg)) throw new InputError(`there is no file or directory ${arg}`);
  const base = fixedFolder(arg);
  const files = await filesBelow(base, relative(base, resolve(arg)));
  if (files.length === 0) throw new InputError(`no file matches ${arg}`);
  return files.map((file) => fileInput(join(base, file), file, format));
}

async function findInDirectory(path: string, arg: string, format: FormatName): Promise<readonly LocalInput[]> {
  const files = await filesBelow(path, '**');
  if (files.length === 0) throw new InputError(`there are no files in ${arg}`);
  if (!isObjectFormat(format)) return files.map((file) => fileInput(join(path, file), file, format));
  return [{ kind: 'folder', path, name: basename(path), objects: files.map((file) => join(path, file)) }];
}

function fileInput(path: string, name: string, format: FormatName): LocalInput {
  return { kind: isObjectFormat(format) ? 'element' : 'object', path, name };
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

function checkName(name: string, path: string): void {
  if (name.startsWith('_'))
    throw new InputError(`${path} can't be run as '${name}': names that start with '_' are the fabric's own`);
}
