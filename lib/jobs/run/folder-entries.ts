import type { Dirent, Stats } from 'node:fs';
import { lstat, readdir, readlink, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ErrorDescription } from '../../errors.ts';
import { isMissing, systemReason } from '../../stores/system-errors.ts';

/** A file or folder on disk. */
export interface Place {
  /** Its path; bytes that are not UTF-8 are written `\xe9`. */
  readonly path: string;
  /** Path for system calls: bytes if it is not UTF-8. */
  readonly raw: string | Buffer;
  /** The real paths of the linked folders that led here. */
  readonly links: readonly string[];
}

/** An entry of a folder. Links are followed: an entry is what its link leads to. */
export interface FolderEntry extends Place {
  readonly name: string;
  readonly isFolder: boolean;
  /** Reason that a file can't be read, as far as its entry shows. */
  readonly failure?: ErrorDescription;
}

export function placeOf(path: string): Place {
  return { path, raw: path, links: [] };
}

/**
 * Lists a folder. Leaves out links to a folder above it, whose files are listed already.
 *
 * @throws the system's error if the folder can't be read.
 */
export async function readFolder(folder: Place): Promise<readonly FolderEntry[]> {
  const listed: FolderEntry[] = [];
  const others: Promise<FolderEntry | undefined>[] = [];
  for (const dirent of await direntsOf(folder.raw)) {
    const entry = entryOf(folder, dirent);
    if (dirent.isFile() || dirent.isDirectory()) listed.push(entry);
    else others.push(followed(entry, folder));
  }
  return [...listed, ...(await Promise.all(others)).filter((entry) => entry !== undefined)];
}

/** Lists a folder; with names as bytes only if one of them is not UTF-8, which is rare. */
async function direntsOf(folder: string | Buffer): Promise<readonly Dirent<string | Buffer>[]> {
  const dirents = await readdir(folder, { withFileTypes: true });
  if (!dirents.some(({ name }) => name.includes('\ufffd'))) return dirents;
  return readdir(folder, { withFileTypes: true, encoding: 'buffer' });
}

function entryOf(folder: Place, dirent: Dirent<string | Buffer>): FolderEntry {
  const { text, isText } = nameOf(dirent.name);
  const path = join(folder.path, text);
  const isFolder = dirent.isDirectory();
  if (isText && typeof folder.raw === 'string') return { name: text, path, raw: path, links: folder.links, isFolder };
  const raw = Buffer.concat([Buffer.from(folder.raw), Buffer.from('/'), Buffer.from(dirent.name)]);
  const message = `${isText ? 'the name of its folder' : 'its name'} is not UTF-8: rename it`;
  const failure = isFolder ? {} : { failure: { name: 'InvalidFileName', message } };
  return { name: text, path, raw, links: folder.links, isFolder, ...failure };
}

/** Returns the entry that a link leads to, or an entry with the reason that it can't be read. */
async function followed(entry: FolderEntry, folder: Place): Promise<FolderEntry | undefined> {
  const look = await lookAt(entry.raw);
  switch (look.kind) {
    case 'file':
      return entry;
    case 'failed':
      return { ...entry, failure: look.failure };
    case 'nothing':
      return { ...entry, failure: { name: 'SourceGone', message: 'it was removed after its folder was listed' } };
    case 'folder': {
      const [target, outer] = await Promise.all([realpath(entry.raw), realpath(folder.raw)]);
      if (isIn(target, outer) || folder.links.includes(target)) return undefined;
      const { name, path, raw } = entry;
      return { name, path, raw, isFolder: true, links: [...folder.links, target] };
    }
  }
}

function isIn(outer: string, path: string): boolean {
  return `${path}/`.startsWith(outer.endsWith('/') ? outer : `${outer}/`);
}

/** Target of a path. */
export type Look =
  | { readonly kind: 'file' | 'folder' | 'nothing' }
  | { readonly kind: 'failed'; readonly failure: ErrorDescription };

/** Finds the target of a path. A broken link is `failed`, not `nothing`. */
export async function lookAt(path: string | Buffer): Promise<Look> {
  let stats: Stats;
  try {
    stats = await stat(path);
  } catch (error) {
    const target = await readlink(path).catch(() => undefined);
    if (target === undefined && isMissing(error)) return { kind: 'nothing' };
    if (target === undefined || !isMissing(error)) return failed('SourceUnreadable', systemReason(error));
    return failed('SourceGone', `it is a link to ${target}, which is not there`);
  }
  return lookOf(stats);
}

/** Finds what a path itself is. A link is not followed: it is `failed`, wherever it leads. */
export async function lookAtEntry(path: string): Promise<Look> {
  try {
    const stats = await lstat(path);
    if (!stats.isSymbolicLink()) return lookOf(stats);
    const message = `it is a link to ${await readlink(path)}, and links are not followed here: put a copy in its place`;
    return failed('SourceNotAFile', message);
  } catch (error) {
    return isMissing(error) ? { kind: 'nothing' } : failed('SourceUnreadable', systemReason(error));
  }
}

function lookOf(stats: Stats): Look {
  if (stats.isFile()) return { kind: 'file' };
  if (stats.isDirectory()) return { kind: 'folder' };
  return failed('SourceNotAFile', `it is ${kindOf(stats)}, not a regular file: write its content to a file first`);
}

function failed(name: string, message: string): Look {
  return { kind: 'failed', failure: { name, message } };
}

function kindOf(stats: Stats): string {
  if (stats.isFIFO()) return 'a named pipe (FIFO)';
  if (stats.isSocket()) return 'a socket';
  return 'a device';
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function nameOf(name: string | Buffer): { readonly text: string; readonly isText: boolean } {
  if (typeof name === 'string') return { text: name, isText: true };
  try {
    return { text: UTF8.decode(name), isText: true };
  } catch {
    return { text: escaped(name), isText: false };
  }
}

/** Writes every byte that is not printable ASCII as `\xe9`, like `ls --escape`; a shell reads it in `$'…'`. */
function escaped(name: Buffer): string {
  return Array.from(name, (byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`,
  ).join('');
}
