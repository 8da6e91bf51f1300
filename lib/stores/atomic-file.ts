import { type FileHandle, link, mkdir, open, readdir, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { TEMPORARY_SUFFIX, temporaryName } from './file-names.ts';
import { isMissing } from './system-errors.ts';

/** Writes a whole file in one step, so that no process reads a part of it. Replaces an existing file; creates folders. */
export async function writeAtomically(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = temporaryPath(path);
  try {
    await inFolder(path, () => writeFile(temporary, content));
    await rename(temporary, path);
  } catch (error) {
    // On a full disk, the incomplete file takes the room that is left.
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Runs work on a path; if its folder is missing, creates it and runs the work again: most folders are there. */
async function inFolder<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!isMissing(error)) throw error;
    await mkdir(dirname(path), { recursive: true });
    return await work();
  }
}

/** Removes a file, if it is there. */
export async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/** Returns the temporary path beside a file, where it is written until it is complete. */
export function temporaryPath(path: string): string {
  return join(dirname(path), temporaryName(basename(path)));
}

/**
 * Removes temporary files that killed processes left in a folder. No process may be writing to the folder.
 *
 * @param isOwn - returns whether to remove a file, from its final name. @default all files
 */
export async function removeTemporaries(folder: string, isOwn: (name: string) => boolean = () => true): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  const left = names.filter((name) => TEMPORARY_SUFFIX.test(name) && isOwn(name.replace(TEMPORARY_SUFFIX, '')));
  await Promise.all(left.map((name) => rm(join(folder, name), { force: true })));
}

/**
 * Gives a finished file its name, unless the name is taken: of several writers one wins.
 *
 * @returns true if this one did; the temporary file is removed in either case.
 */
export async function commitFile(temporary: string, path: string): Promise<boolean> {
  try {
    await inFolder(path, () => link(temporary, path));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await unlink(temporary);
  }
}

/** A file that is written from its start to its end. */
export interface Spool extends AsyncDisposable {
  readonly path: string;
  /** Bytes written so far. */
  readonly byteLength: number;
  write(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** Opens a file for writing from scratch. Creates folders. */
export async function openSpool(path: string): Promise<Spool> {
  return spoolOf(path, await openNew(path));
}

/** Returns a file that is opened when the first bytes are written: without any there is no file. */
export function lazySpool(path: string): Spool {
  return spoolOf(path, undefined);
}

function openNew(path: string): Promise<FileHandle> {
  return inFolder(path, () => open(path, 'w'));
}

function spoolOf(path: string, opened: FileHandle | undefined): Spool {
  let file = opened;
  let byteLength = 0;
  let isClosed = false;
  const close = async (): Promise<void> => {
    if (isClosed) return;
    isClosed = true;
    await file?.close();
  };
  return {
    path,
    get byteLength() {
      return byteLength;
    },
    async write(bytes) {
      if (bytes.byteLength === 0) return;
      if (isClosed) throw new Error(`Cannot write to ${path}: it is closed`);
      file ??= await openNew(path);
      await file.writeFile(bytes);
      byteLength += bytes.byteLength;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
