import { mkdir, open, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { FabricError } from '../errors.ts';

/** Another process is at work in the folder. */
export class FolderLockedError extends FabricError {
  override readonly name = 'FolderLockedError';
  constructor(path: string, holder: LockHolder) {
    super('FOLDER_LOCKED', `process ${holder.pid} on ${holder.host} is at work here: ${path}`, {
      disposition: 'retry',
    });
  }
}

interface LockHolder {
  readonly pid: number;
  readonly host: string;
}

/** The lock file of a dead holder is taken away at most this often before giving up. */
const MAX_TRIES = 3;

/**
 * Takes a lock that one process holds at a time. The lock of a process of this machine that is gone is taken over.
 *
 * @throws FolderLockedError where another process holds it.
 */
export async function lockFolder(path: string): Promise<AsyncDisposable> {
  await mkdir(dirname(path), { recursive: true });
  for (let tries = 1; ; tries += 1) {
    try {
      const file = await open(path, 'wx');
      await file.writeFile(JSON.stringify({ pid: process.pid, host: hostname() } satisfies LockHolder));
      await file.close();
      return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const holder = await holderOf(path);
      if (holder !== undefined && (isAlive(holder) || tries >= MAX_TRIES)) throw new FolderLockedError(path, holder);
      await rm(path, { force: true });
    }
  }
}

async function holderOf(path: string): Promise<LockHolder | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as LockHolder;
  } catch {
    return undefined;
  }
}

function isAlive({ pid, host }: LockHolder): boolean {
  if (host !== hostname()) return true;
  if (pid === process.pid) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
