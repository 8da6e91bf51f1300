import { readFileSync } from 'node:fs';

/** `sysconf(_SC_CLK_TCK)`: 100 on every Linux that Node runs on. */
const TICKS_PER_SEC = 100;
/** Fields of /proc/<pid>/stat behind the name: the state is the first. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
const USER_TICKS = 11;
const TIMES = 4;

/** CPU seconds of a process and of all that it has started, those that have ended included; Linux only. */
export function cpuSecs(pid: number): number {
  const own = timesOf(pid).reduce((sum, ticks) => sum + ticks, 0) / TICKS_PER_SEC;
  return childrenOf(pid).reduce((sum, child) => sum + cpuSecs(child), own);
}

/** Ticks in user and system mode, and those of children that have ended. */
function timesOf(pid: number): number[] {
  const stat = readIfThere(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(USER_TICKS, USER_TICKS + TIMES).map(Number);
}

function childrenOf(pid: number): number[] {
  return readIfThere(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number);
}

/** Returns an empty text if a process has just ended: its time counts for its parent then. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
