import { createHash } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { isProcessAlive } from './process-alive.ts';

/** Process that owns a temporary file or folder, according to its name. */
export interface Owner {
  readonly pid: number;
  /** Digest that identifies the machine, or the container; undefined in names of earlier versions. */
  readonly machine: string | undefined;
}

/** Pattern of an owner's tag, with groups for the process and the machine. */
export const OWNER_TAG = String.raw`(\d+)(?:-([0-9a-f]{8}))?`;

const MACHINE_DIGITS = 8;
/** Age from which a file of a process of another machine, on a shared disk, counts as left. */
const FOREIGN_MILLIS = 24 * 3600 * 1000;

/** Returns the tag of this process for names of temporary files: `4711-0a1b2c3d`. */
export function ownerTag(): string {
  return `${process.pid}-${ownMachine()}`;
}

/** @param match - of a pattern that contains `OWNER_TAG` as its first groups. */
export function ownerOf([, pid, machine]: RegExpExecArray): Owner {
  return { pid: Number(pid), machine };
}

/**
 * Returns true if the process that owns a file or folder has certainly ended. A number that another process has now counts
 * as alive. For a process of another machine this is unknown: its files count as left if unchanged for a day.
 *
 * @param modifiedAt - in milliseconds since 1970, like `now`.
 */
export function isLeftBehind({ pid, machine }: Owner, modifiedAt: number, now: number): boolean {
  if (machine !== ownMachine()) return now - modifiedAt > FOREIGN_MILLIS && (machine !== undefined || isGone(pid));
  // In a container, successive processes have the same number.
  return pid === process.pid ? modifiedAt < performance.timeOrigin : !isProcessAlive(pid);
}

function isGone(pid: number): boolean {
  return pid !== process.pid && !isProcessAlive(pid);
}

function ownMachine(): string {
  const machine = `${hostname()} ${processNamespace()}`;
  return createHash('sha256').update(machine).digest('hex').slice(0, MACHINE_DIGITS);
}

/** Returns the process namespace: a container on its host's network has the host's name, but its own process numbers. */
function processNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}
