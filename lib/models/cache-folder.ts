import { readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isHeld, isLeft, ownName } from './cache-holds.ts';

/** Prefixes of folders that are being fetched, and that are being removed. */
export const FETCHING = 'fetching-';
export const EVICTED = 'evicted-';
/** In an entry's folder: its note, the folder of its files, and the folder with a file for each hold. */
export const NOTE = 'entry.json';
export const FILES = 'model';
export const HOLDS = 'in-use';

/** Note of a cached version. */
export interface CacheNote {
  /** The SHA-256 in hexadecimal of its files. */
  readonly digest: string;
  /** True if the model is the folder of these files. @default the model is the first file */
  readonly isFolder?: boolean;
  /** Paths below the entry's folder of files. */
  readonly files: readonly { readonly name: string; readonly byteLength: number }[];
}

/** Evicts entries until this number of bytes fits within the bound, or there is nothing left to evict. */
export async function makeRoom(root: string, byteLength: number, maxBytes: number): Promise<void> {
  const entries = (await Promise.all((await readdir(root)).map((name) => weigh(root, name)))).filter(
    (entry) => entry !== undefined,
  );
  let total = byteLength + entries.reduce((sum, entry) => sum + entry.byteLength, 0);
  for (const entry of entries.toSorted((one, other) => one.usedAt - other.usedAt)) {
    if (total <= maxBytes) return;
    if (await evict(root, entry.name)) total -= entry.byteLength;
  }
}

/** Returns the bytes of an entry. Deletes an entry that a dead process was creating or removing. */
async function weigh(root: string, name: string) {
  const folder = join(root, name);
  try {
    if (name.startsWith(FETCHING) || name.startsWith(EVICTED)) {
      const left = await isLeft(folder, name.slice(name.indexOf('-') + 1));
      if (left) await rm(folder, { recursive: true, force: true });
      return undefined;
    }
    const { files } = JSON.parse(await readFile(join(folder, NOTE), 'utf8')) as CacheNote;
    const usedAt = (await stat(folder)).mtimeMs;
    return { name, usedAt, byteLength: files.reduce((sum, file) => sum + file.byteLength, 0) };
  } catch {
    return undefined;
  }
}

/** Removes an entry, unless a living process holds it, also if the process acquires the hold at this moment. */
async function evict(root: string, name: string): Promise<boolean> {
  const folder = join(root, name);
  if (await isHeld(join(folder, HOLDS))) return false;
  const away = join(root, `${EVICTED}${ownName()}`);
  if (!(await renamed(folder, away))) return false;
  if (await isHeld(join(away, HOLDS))) return !(await renamed(away, folder));
  await rm(away, { recursive: true, force: true });
  return true;
}

/** Renames a folder. Returns false if it does not exist or the name is in use. */
export async function renamed(folder: string, to: string): Promise<boolean> {
  try {
    await rename(folder, to);
    return true;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(code)) return false;
    throw error;
  }
}
