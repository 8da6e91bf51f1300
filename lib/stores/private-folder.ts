import { chmodSync, lstatSync, mkdirSync, realpathSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';

/** A folder that other users of the machine could have put files in. */
export class UnsafeFolderError extends Error {
  override readonly name = 'UnsafeFolderError';
  readonly folder: string;
  /** Sentence without a subject, such as `belongs to another user`. */
  readonly reason: string;

  constructor(folder: string, reason: string) {
    super(`${folder} ${reason}`);
    this.folder = folder;
    this.reason = reason;
  }
}

/** Permission to write of the group and of all others. */
const WRITABLE_BY_OTHERS = 0o022;
const ACCESSIBLE_BY_OTHERS = 0o077;
/** In such a folder, as in `/tmp`, users can only rename and remove what is theirs. */
const STICKY = 0o1000;
const ROOT = 0;

/**
 * Creates a folder that only this user can use, and returns it. An existing one is used only if this user owns it and no
 * other user can write to it: otherwise any user could have put files in a predictable path.
 *
 * Synchronous, because it is needed before anything else is imported.
 *
 * @throws UnsafeFolderError, or the system's error.
 */
export function privateFolder(path: string): string {
  const there = look(path) ?? create(path);
  const user = process.getuid?.();
  if (there.isSymbolicLink()) throw new UnsafeFolderError(path, 'is a link');
  if (!there.isDirectory()) throw new UnsafeFolderError(path, 'is not a folder');
  // Windows has neither owners nor modes here: folders of a user are private by their place.
  if (user === undefined) return path;
  if (there.uid !== user) throw new UnsafeFolderError(path, 'belongs to another user');
  if ((there.mode & WRITABLE_BY_OTHERS) !== 0) throw new UnsafeFolderError(path, 'can be written to by other users');
  if ((there.mode & ACCESSIBLE_BY_OTHERS) !== 0) chmodSync(path, 0o700);
  return path;
}

/**
 * Creates such a folder for code that is loaded. Checks the folders above it too: a user who can write to one of them
 * can replace the folder.
 *
 * @throws UnsafeFolderError, or the system's error.
 */
export function privateCodeFolder(path: string): string {
  privateFolder(path);
  const user = process.getuid?.();
  if (user === undefined) return path;
  for (const above of new Set([...foldersAbove(path), ...foldersAbove(realpathSync(path))])) {
    const stats = lstatSync(above);
    if (stats.uid !== user && stats.uid !== ROOT) throw new UnsafeFolderError(above, 'belongs to another user');
    // The mode of a link has no meaning.
    const isOpen = !stats.isSymbolicLink() && (stats.mode & WRITABLE_BY_OTHERS) !== 0 && (stats.mode & STICKY) === 0;
    if (isOpen) throw new UnsafeFolderError(above, 'can be written to by other users');
  }
  return path;
}

function look(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

function create(path: string): Stats {
  // Another process may create it at the same time; it is checked after that.
  mkdirSync(path, { recursive: true, mode: 0o700 });
  return lstatSync(path);
}

function foldersAbove(path: string): readonly string[] {
  const above: string[] = [];
  for (let folder = dirname(path); folder !== above.at(-1); folder = dirname(folder)) above.push(folder);
  return above;
}
