import { randomUUID } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { isProcessAlive } from '../stores/process-alive.ts';

/** What a process of another machine holds, on a disk that they share, counts for so long as in use. */
const FOREIGN_HOLD_MILLIS = 24 * 3600 * 1000;

/** A new name, of a file or folder, that says which process it is of. */
export function ownName(): string {
  // In a container, one process after another has the same number.
  return [randomUUID(), process.pid, performance.timeOrigin, hostname()].join('~');
}

/** Whether a living process has a file of its own in a folder. */
export async function isHeld(folder: string): Promise<boolean> {
  const names = await readdir(folder).catch(() => []);
  const left = await Promise.all(names.map((name) => isLeft(join(folder, name), name).catch(() => true)));
  return left.includes(false);
}

/** Whether the process that has given something its name is gone. */
export async function isLeft(path: string, name: string): Promise<boolean> {
  const [, pid = '0', startedAt, host] = name.split('~');
  if (host !== hostname()) return Date.now() - (await stat(path)).mtimeMs > FOREIGN_HOLD_MILLIS;
  if (Number(pid) === process.pid) return Number(startedAt) !== performance.timeOrigin;
  return !isProcessAlive(Number(pid));
}
