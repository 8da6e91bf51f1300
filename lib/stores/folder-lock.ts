import { createHash, randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { FabricError } from '../errors.ts';
import { isProcessAlive } from './process-alive.ts';

/** Another process is at work in the folder. */
export class FolderLockedError extends FabricError {
  override readonly name = 'FolderLockedError';
  constructor(path: string, { pid, host }: LockHolder) {
    // Nobody here can tell whether a process of another machine is alive.
    const advice = host === hostname() ? '' : `; if it is gone, remove ${path}`;
    super('FOLDER_LOCKED', `process ${pid} on ${host} is at work here: ${path}${advice}`, { disposition: 'retry' });
  }
}

interface LockHolder {
  readonly pid: number;
  readonly host: string;
  /** When the process started: in a container, one after another has the same number. */
  readonly startedAt: number;
}

/** A lock that was given back in between is asked for again, at most this often. */
const MAX_TRIES = 3;

/**
 * Takes a lock that one process holds at a time. The lock of a process of this machine that is gone is taken over.
 *
 * A lock comes into being whole, by a link; a dead holder's is replaced by whoever holds the lock on doing so, which is
 * named for that very lock file, so that of several that find it at once one gets it.
 *
 * @throws FolderLockedError where another process holds it.
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

/** Puts the lock in the place of a dead holder's; false where there is none any more. */
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

/** Who holds a lock; a file that says nothing was left by a machine that went down. */
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
