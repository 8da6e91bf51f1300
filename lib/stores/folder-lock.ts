import { createHash, randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { FabricError } from '../errors.ts';
import { isProcessAlive } from './process-alive.ts';

/** Another process is using the folder. */
export class FolderLockedError extends FabricError {
  override readonly name = 'FolderLockedError';
  constructor(path: string, { pid, host }: LockHolder) {
    // This machine cannot check whether a process of another machine is alive.
    const advice = host === hostname() ? '' : `; if it is gone, remove ${path}`;
    super('FOLDER_LOCKED', `process ${pid} on ${host} is using this folder: ${path}${advice}`, {
      disposition: 'retry',
    });
  }
}

interface LockHolder {
  readonly pid: number;
  readonly host: string;
  /** Start time of the process: in a container, successive processes have the same number. */
  readonly startedAt: number;
}

/** Maximum tries to get a lock that is released in between. */
const MAX_TRIES = 3;

/**
 * Acquires a lock that one process holds at a time. Replaces the lock of a process of this machine that has ended.
 *
 * The lock file is created complete, by a link. To replace the lock of an ended process, a process first acquires a
 * second lock whose name has the digest of the first one's content. So if several find it at once, one gets it.
 *
 * @throws FolderLockedError if another process holds it.
 */
export async function lockFolder(path: string): Promise<AsyncDisposable> {
  await mkdir(dirname(path), { recursive: true });
  const id = randomUUID();
  const own = `${path}.${id}`;
  const holder: LockHolder = { pid: process.pid, host: hostname(), startedAt: performance.timeOrigin };
  await writeFile(own, JSON.stringify({ ...holder, id }));
  try {
    for (let tries = 1; ; tries += 1) {
      if ((await linked(own, path)) || (await takeOver(own, path, tries))) break;
    }
  } finally {
    await rm(own, { force: true });
  }
  return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
}

async function linked(own: string, path: string): Promise<boolean> {
  try {
    await link(own, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Replaces the lock of an ended process; false if that lock no longer exists. */
async function takeOver(own: string, path: string, tries: number): Promise<boolean> {
  const found = await textOf(path);
  if (found === undefined) return false;
  const holder = holderOf(found);
  if (isAlive(holder) || tries > MAX_TRIES) throw new FolderLockedError(path, holder);
  await using _lock = await lockFolder(`${path}.${createHash('sha256').update(found).digest('hex').slice(0, 12)}`);
  if ((await textOf(path)) !== found) return false;
  await rename(own, path);
  return true;
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Parses the holder of a lock; a file that can't be parsed was left when a machine lost power. */
function holderOf(text: string): LockHolder {
  try {
    return JSON.parse(text) as LockHolder;
  } catch {
    return { pid: 0, host: hostname(), startedAt: 0 };
  }
}

function isAlive({ pid, host, startedAt }: LockHolder): boolean {
  if (host !== hostname()) return true;
  if (pid === process.pid) return startedAt === performance.timeOrigin;
  return isProcessAlive(pid);
}
