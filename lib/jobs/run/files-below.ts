import { relative } from 'node:path';
import { glob, type GlobOptions } from 'tinyglobby';
import type { ErrorDescription } from '../../errors.ts';
import { systemReason } from '../../stores/system-errors.ts';
import { type FolderEntry, type Place, placeOf, readFolder } from './folder-entries.ts';

/** A file below a folder, or a folder there that can't be read. */
export interface FoundFile {
  /** Its path below the folder. */
  readonly name: string;
  readonly path: string;
  /** Reason that it can't be read, as far as the listing shows. */
  readonly failure?: ErrorDescription;
}

export interface FilesBelow {
  /** In the order of their names. */
  readonly files: readonly FoundFile[];
  /** True if files were left out because their names, or those of their folders, begin with `_` or `.`. */
  readonly skips: boolean;
}

/** Returns whether folders, globs and prefixes leave out a name: hidden files, and notes such as `_SUCCESS`. */
export function isSkippedName(name: string): boolean {
  return /^[_.]/.test(name) && name !== '.' && name !== '..';
}

/** Finds all files below a folder. @throws the system's error if the folder itself can't be read */
export async function filesBelow(folder: string): Promise<FilesBelow> {
  const files: FoundFile[] = [];
  let skips = false;
  const add = async (entries: readonly FolderEntry[]): Promise<void> => {
    const folders: FolderEntry[] = [];
    for (const entry of entries) {
      if (isSkippedName(entry.name)) skips = true;
      else if (entry.isFolder) folders.push(entry);
      else files.push(fileIn(folder, entry));
    }
    await Promise.all(folders.map(walk));
  };
  const walk = async (entry: FolderEntry): Promise<void> => {
    const entries = await readFolder(entry).catch(
      (error: unknown) => void files.push(closedFolder(folder, entry, error)),
    );
    await add(entries ?? []);
  };
  await add(await readFolder(placeOf(folder)));
  return { files: files.sort(byName), skips };
}

/**
 * Finds the files below a folder that a pattern matches. Wildcards do not match names that begin with `_` or `.`; the
 * pattern has to spell those out.
 */
export async function filesMatching(folder: string, pattern: string): Promise<FilesBelow> {
  const namesNotes = pattern.split('/').some((segment) => segment.startsWith('_'));
  const files = await new GlobListing(folder, namesNotes).glob(pattern);
  if (files.length > 0) return { files: files.sort(byName), skips: false };
  return { files, skips: (await new GlobListing(folder, true).glob(pattern, { dot: true })).length > 0 };
}

function fileIn(folder: string, { path, failure }: FolderEntry): FoundFile {
  return { name: relative(folder, path), path, ...(failure === undefined ? {} : { failure }) };
}

function closedFolder(folder: string, { path }: Place, error: unknown): FoundFile {
  const message = `the files in this folder can't be listed: ${systemReason(error)}`;
  return { name: relative(folder, path), path, failure: { name: 'SourceUnreadable', message } };
}

/** Compares by UTF-16 code units, as jobs of folders have always been ordered. */
function byName({ name: one }: FoundFile, { name: other }: FoundFile): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

/** Characters that no wildcard matches: a pattern's `.` stops at a line's end. */
const LINE_END = /[\n\r\u2028\u2029]/g;
const STANDS_FOR_LINE_END = '\u240a';

/** An entry with the members that the glob library uses. */
interface GlobEntry {
  readonly name: string;
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}

/**
 * Presents a folder to the glob library as the root of a file system. Links are followed, and an entry that can't be
 * read is a file: the library silently drops broken links and folders without permission.
 */
class GlobListing {
  readonly #root: string;
  /** True if names that begin with `_` are shown. */
  readonly #showsNotes: boolean;
  /** Folders by their path in the glob's file system. */
  readonly #folders: Map<string, Place>;
  readonly #files = new Map<string, FoundFile>();
  readonly #closed: FoundFile[] = [];

  constructor(folder: string, showsNotes: boolean) {
    this.#root = folder;
    this.#showsNotes = showsNotes;
    this.#folders = new Map([['/', placeOf(folder)]]);
  }

  async glob(pattern: string, { dot = false }: { readonly dot?: boolean } = {}): Promise<FoundFile[]> {
    const readdir = (path: string, _: unknown, done: (error: null, entries: readonly GlobEntry[]) => void): void =>
      void this.#list(path).then((entries) => done(null, entries));
    const options = { cwd: '/', onlyFiles: true, expandDirectories: false, dot };
    // The glob library calls only this function, with these arguments.
    const fs = { readdir } as unknown as NonNullable<GlobOptions['fs']>;
    // A leading '!' would exclude what follows it.
    const paths = await glob(pattern.replace(/^!(?!\()/, '\\!'), { ...options, fs });
    const files = paths.map((path) => this.#files.get(`/${path}`)).filter((file) => file !== undefined);
    return [...files, ...this.#closed];
  }

  async #list(path: string): Promise<readonly GlobEntry[]> {
    const key = path.endsWith('/') ? path : `${path}/`;
    const folder = this.#folders.get(key);
    if (folder === undefined) return [];
    try {
      const entries = await readFolder(folder);
      return entries
        .filter(({ name }) => this.#showsNotes || !name.startsWith('_'))
        .map((entry) => this.#show(entry, key));
    } catch (error) {
      this.#closed.push(closedFolder(this.#root, folder, error));
      return [];
    }
  }

  #show(entry: FolderEntry, folder: string): GlobEntry {
    const name = entry.name.replace(LINE_END, STANDS_FOR_LINE_END);
    if (entry.isFolder) this.#folders.set(`${folder}${name}/`, entry);
    else this.#files.set(folder + name, fileIn(this.#root, entry));
    return { name, isFile: () => !entry.isFolder, isDirectory: () => entry.isFolder, isSymbolicLink: () => false };
  }
}
