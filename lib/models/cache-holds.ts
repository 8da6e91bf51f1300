import { randomUUID } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { isProcessAlive } from '../stores/process-alive.ts';

/** Time for which an entry counts as in use if a process of another machine with the same disk holds it. */
const FOREIGN_HOLD_MILLIS = 24 * 3600 * 1000;

/** A new name, of a file or folder, that says which process it is of. */
export function ownName(): string {
  // In a container, one process after another has the same number.
  return [randomUUID(), process.pid, performance.timeOrigin, hostname()].join('~');
}

/** Checks whether a living process has a file in this folder. */
export async function isHeld(folder: string): Promise<boolean> {
  const names = await readdir(folder).catch(() => []);
  const left = await Promise.all(names.map((name) => isLeft(join(folder, name), name).catch(() => true)));
  return left.includes(false);
}

/** Checks whether the process that is part of a name has ended. */
export async function isLeft(path: string, name: string): Promise<boolean> {
  const [, pid = '0', startedAt, host] = name.split('~');
  if (host !== hostname()) return Date.now() - (await stat(path)).mtimeMs > FOREIGN_HOLD_MILLIS;
  if (Number(pid) === process.pid) return Number(startedAt) !== performance.timeOrigin;
  return !isProcessAlive(Number(pid));
}
