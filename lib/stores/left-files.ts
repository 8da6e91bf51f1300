import type { Dirent, Stats } from 'node:fs';
import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TEMPORARY_SUFFIX } from './file-names.ts';
import { isLeftBehind, OWNER_TAG, ownerOf, ownerTag } from './owner-tag.ts';
import { isProcessAlive } from './process-alive.ts';

/** Use of a folder among the system's temporary files. */
export type TemporaryUse = 'outcomes' | 'chunks' | 'estimate' | 'dry-run';

const FOLDER = new RegExp(`^fabric-(?:outcomes|chunks|estimate|dry-run)-${OWNER_TAG}-[^-]+$`);

/** Creates a folder among the system's temporary files, for this user only. */
export function makeTemporaryFolder(use: TemporaryUse): Promise<string> {
  return mkdtemp(join(tmpdir(), `fabric-${use}-${ownerTag()}-`));
}

export interface LeftFoldersOptions {
  /** @default the system's folder for temporary files */
  readonly folder?: string;
  /**
   * False for the disk of a function or a container, which outlives its processes: it has no folders of other machines,
   * and a folder with the number of this process is of an earlier one. To be called before this process creates folders.
   * @default true
   */
  readonly isShared?: boolean;
  /** Milliseconds since 1970. @default Date.now */
  readonly now?: () => number;
}

/** Removes temporary folders of processes that are gone, which were killed or lost power. Never fails. */
export async function removeLeftFolders({
  folder = tmpdir(),
  isShared = true,
  now = Date.now,
}: LeftFoldersOptions = {}): Promise<void> {
  for (const entry of await entriesOf(folder)) {
    const match = FOLDER.exec(entry.name);
    if (match === null || !entry.isDirectory()) continue;
    const path = join(folder, entry.name);
    const owner = ownerOf(match);
    await removeIf(path, ({ mtimeMs }) =>
      isShared ? isLeftBehind(owner, mtimeMs, now()) : owner.pid === process.pid || !isProcessAlive(owner.pid),
    );
  }
}

/**
 * Removes the temporary files that killed processes left below a folder of results. Links are not followed. Never fails.
 *
 * @param isWritten - returns whether the fabric writes files with this name in one step.
 * @param now - milliseconds since 1970.
 */
export async function removeLeftFiles(
  folder: string,
  isWritten: (name: string) => boolean,
  now: () => number = Date.now,
): Promise<void> {
  for (const entry of await entriesOf(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await removeLeftFiles(path, isWritten, now);
    const match = TEMPORARY_SUFFIX.exec(entry.name);
    if (match === null || !entry.isFile() || !isWritten(entry.name.slice(0, match.index))) continue;
    await removeIf(path, (stats) => isLeftBehind(ownerOf(match), stats.mtimeMs, now()));
  }
}

async function entriesOf(folder: string): Promise<readonly Dirent[]> {
  return readdir(folder, { withFileTypes: true }).catch(() => []);
}

/** Removes what belongs to this user, if a condition holds. */
async function removeIf(path: string, isLeft: (stats: Stats) => boolean): Promise<void> {
  try {
    const stats = await lstat(path);
    const isOwn = process.getuid === undefined || stats.uid === process.getuid();
    if (isOwn && isLeft(stats)) await rm(path, { recursive: true, force: true });
  } catch {
    // It stays: it does no harm to this run.
  }
}
