import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

interface Listed {
  readonly pid: number;
  readonly parent: number;
  /** Its first letter; Z is a process that is dead, but nobody has asked for its status yet. */
  readonly state: string;
}

/** Living processes that this one started, or one of those. */
export function descendantsOf(pid: number): number[] {
  const living = processes().filter(({ state }) => state !== 'Z');
  const below = (parent: number): number[] => {
    const children = living.filter((listed) => listed.parent === parent).map((child) => child.pid);
    return children.concat(children.flatMap(below));
  };
  return below(pid);
}

export function isAlive(pid: number): boolean {
  return processes().some((listed) => listed.pid === pid && listed.state !== 'Z');
}

/** From /proc where there is one: not every machine has `ps`. */
function processes(): Listed[] {
  return existsSync('/proc/self/stat') ? fromProc() : fromPs();
}

function fromProc(): Listed[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      // proc(5): the name in parentheses may hold anything; after it come the state and the parent.
      const [state = '', parent = ''] = readFileSync(`/proc/${name}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
      return [{ pid: Number(name), parent: Number(parent), state }];
    } catch {
      return [];
    }
  });
}

function fromPs(): Listed[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat='], { encoding: 'utf8' }).trim().split('\n');
  return lines.map((line) => {
    const [pid, parent, state = ''] = line.trim().split(/\s+/);
    return { pid: Number(pid), parent: Number(parent), state: state.slice(0, 1) };
  });
}
