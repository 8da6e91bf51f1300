import { lstat, stat } from 'node:fs/promises';
import { basename, join, relative, resolve } from 'node:path';
import { isDynamicPattern } from 'tinyglobby';
import type { ErrorDescription } from '../../errors.ts';
import { type FormatName, formatOf } from '../../formats/registry.ts';
import { systemReason } from '../../stores/system-errors.ts';
import { type FilesBelow, filesBelow, filesMatching, type FoundFile } from './files-below.ts';
import { lookAt } from './folder-entries.ts';
import { InputError, objectInput, rejectedInput, type RunInput } from './run-input.ts';

/**
 * Finds the inputs that a path of a file or directory names, or a glob. An existing path is never read as a glob. An
 * existing file that can't be read is an input too, with the reason.
 *
 * @throws InputError if an argument names nothing
 */
export async function findLocalInput(arg: string, format: FormatName): Promise<readonly RunInput[]> {
  const path = resolve(arg);
  const look = await lookAt(path);
  if (look.kind === 'file') return [objectInput({ uri: path }, basename(path), { format })];
  if (look.kind === 'folder') return findInFolder(path, arg, format);
  const byGlob = (await isThere(path)) ? undefined : await findByGlob(path, arg, format);
  if (byGlob !== undefined) return byGlob;
  const failure = look.kind === 'failed' ? look.failure : nameThatIsNoText(arg);
  if (failure === undefined) throw new InputError(`there is no file or directory ${arg}`);
  return [objectInput({ uri: path }, basename(path), { format, failure })];
}

async function findInFolder(path: string, arg: string, format: FormatName): Promise<readonly RunInput[]> {
  const name = basename(path);
  let found: FilesBelow;
  try {
    found = await filesBelow(path);
  } catch (error) {
    const message = `the files in this folder can't be listed: ${systemReason(error)}`;
    return [rejectedInput({ uri: path }, name, message)];
  }
  const { files, skips } = found;
  if (files.length === 0) throw new InputError(`there are no files in ${arg}${skips ? SKIPPED : ''}`);
  if (formatOf(format).holds === 'many') return files.map((file) => fileInput(file, format));
  const objects = files.map(({ path: uri, failure }) => (failure === undefined ? { uri } : { uri, failure }));
  return [{ kind: 'folder', uri: path, name, objects }];
}

/** @returns undefined if the argument is not a glob. */
async function findByGlob(path: string, arg: string, format: FormatName): Promise<readonly RunInput[] | undefined> {
  const folder = await fixedFolder(path);
  const pattern = relative(folder, path);
  if (![pattern, ...pattern.split('/')].some((part) => isDynamicPattern(part))) return undefined;
  const { files, skips } = await filesMatching(folder, pattern);
  if (files.length === 0) throw new InputError(`no file matches ${arg}${skips ? SKIPPED : ''}`);
  return files.map((file) => fileInput(file, format));
}

/** Part of an error message if all files were left out. */
export const SKIPPED = ": names that begin with '_' or '.' are left out, and folders of such names";

function fileInput({ path, name, failure }: FoundFile, format: FormatName): RunInput {
  return objectInput({ uri: path }, name, { format, failure });
}

/** Returns a failure if a name is not UTF-8. Node decodes arguments, so other bytes arrive as U+FFFD. */
function nameThatIsNoText(arg: string): ErrorDescription | undefined {
  if (!arg.includes('\ufffd')) return undefined;
  return { name: 'InvalidFileName', message: 'its name is not UTF-8: rename it' };
}

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** Returns the longest beginning of a pattern that is the path of an existing folder, such as `exports (1)`. */
async function fixedFolder(pattern: string): Promise<string> {
  let folder = '/';
  for (const segment of pattern.split('/')) {
    const inner = join(folder, segment);
    const found = await stat(inner).catch(() => undefined);
    if (found?.isDirectory() !== true) break;
    folder = inner;
  }
  return folder;
}
