import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

interface ProcessUsage {
  readonly pid: number;
  readonly parent: number;
  readonly cpuSecs: number;
  /** Memory in bytes; undefined if it has to be read separately. */
  readonly memoryBytes?: number;
}

/** USER_HZ, which is the same on all architectures that are supported here. */
const TICKS_PER_SEC = 100;
/** Positions in /proc/<pid>/stat after the name: proc_pid_stat(5) counts them from 3. */
const PARENT = 1;
const TIMES = [11, 12, 13, 14] as const;

/** Returns the user and system time of this process and its descendants, including ended ones if the system reports them. */
export function treeCpuSecs(): number {
  return processTree().reduce((sum, { cpuSecs }) => sum + cpuSecs, 0);
}

/** Returns their current memory. Shared memory counts once if the system reports it. Takes the kernel some milliseconds. */
export function treeMemoryBytes(): number {
  return processTree().reduce((sum, { pid, memoryBytes }) => sum + (memoryBytes ?? memoryOf(pid)), 0);
}

/** Returns this process and its descendants. */
function processTree(): readonly ProcessUsage[] {
  const all = process.platform === 'linux' ? processesOfProc() : processesOfPs();
  const children = Map.groupBy(all, ({ parent }) => parent);
  const tree = all.filter(({ pid }) => pid === process.pid);
  // The list grows during the loop.
  for (const { pid } of tree) tree.push(...(children.get(pid) ?? []));
  return tree;
}

function processesOfProc(): ProcessUsage[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    const stat = readIfThere(`/proc/${name}/stat`);
    return stat === undefined ? [] : [parseStat(Number(name), stat)];
  });
}

function parseStat(pid: number, stat: string): ProcessUsage {
  // The name is in parentheses, and can contain parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = TIMES.reduce((sum, field) => sum + Number(fields[field]), 0);
  return { pid, parent: Number(fields[PARENT]), cpuSecs: ticks / TICKS_PER_SEC };
}

/** Returns the proportional set size: shared memory counts to each process by its share. */
function memoryOf(pid: number): number {
  const rollup = readIfThere(`/proc/${pid}/smaps_rollup`);
  const [, kibibytes = '0'] = /^Pss: +(\d+) kB$/m.exec(rollup ?? '') ?? [];
  return Number(kibibytes) * 1024;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function processesOfPs(): ProcessUsage[] {
  return parsePs(execFileSync('ps', ['-A', '-o', 'pid=,ppid=,time=,rss='], { encoding: 'utf8' }));
}

/** Parses the output of `ps -A -o pid=,ppid=,time=,rss=`: times are `[dd-]hh:mm:ss` or, on macOS, `mm:ss.cc`; sizes are KiB. */
export function parsePs(text: string): ProcessUsage[] {
  return [...text.matchAll(/^\s*(\d+)\s+(\d+)\s+(?:(\d+)-)?([\d:.]+)\s+(\d+)\s*$/gm)].map(
    ([, pid, parent, days = '0', time = '', kibibytes]) => ({
      pid: Number(pid),
      parent: Number(parent),
      cpuSecs: Number(days) * 86_400 + time.split(':').reduce((secs, part) => secs * 60 + Number(part), 0),
      memoryBytes: Number(kibibytes) * 1024,
    }),
  );
}
