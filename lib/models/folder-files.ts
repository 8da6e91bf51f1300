import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';

/**
 * Maximum number of files of a model folder. The largest models have a few hundred: more is a wrong address, such as a
 * bucket of data.
 */
export const MAX_FOLDER_FILES = 10_000;

/**
 * Selects the files of a model folder that a model is made of, by their names in it. Other files of the folder are
 * neither fetched nor part of the model's digest.
 *
 * @param folder - address of the folder, for messages
 * @throws ModelLoadError if a file is missing
 */
export type FileSelection = (names: readonly string[], folder: string) => readonly string[];

/** Returns the paths of all files below a folder, relative to it, with `/`, in order. Links to files count as files. */
export async function namesInFolder(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const names: string[] = [];
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    const isFile = entry.isFile() || (entry.isSymbolicLink() && (await stat(path)).isFile());
    if (isFile) names.push(relative(folder, path).split(sep).join('/'));
  }
  return names.toSorted(byCodeUnits);
}

export async function isFolder(path: string): Promise<boolean> {
  return (await stat(path)).isDirectory();
}

/** Orders names as a folder's digest needs them: by code units, the same in every locale. */
export function byCodeUnits(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

/**
 * Returns the digest of a folder: the SHA-256 of what `sha256sum` prints for its files in the order of their names.
 *
 * @param digests - the SHA-256 of each file in hexadecimal, by name
 */
export function folderDigest(digests: ReadonlyMap<string, string>): string {
  const hash = createHash('sha256');
  for (const name of [...digests.keys()].toSorted(byCodeUnits)) hash.update(`${digests.get(name)}  ${name}\n`);
  return hash.digest('hex');
}
