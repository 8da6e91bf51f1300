import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** Clock ticks of /proc in a second, and bytes of a page: those of every Linux that Node runs on but a few. */
const TICKS_PER_SEC = 100;
const PAGE_BYTES = 4096;
const SAMPLE_MILLIS = 200;

/** Places in /proc/<pid>/stat behind the name. */
const PARENT = 1;
const USER_TICKS = 11;
const SYSTEM_TICKS = 12;
const WAITED_USER_TICKS = 13;
const WAITED_SYSTEM_TICKS = 14;
const RESIDENT_PAGES = 21;

/** Follows a process and all that it starts, by samples of /proc: daemons that leave their parent are followed, too. */
export class ProcessTree {
  peakBytes = 0;
  readonly #members: Set<number>;
  readonly #ticks = new Map<number, number>();
  #stopped = false;
  readonly #sampling: Promise<void>;

  constructor(pid: number) {
    this.#members = new Set([pid]);
    this.#sampling = this.#sampleUntilStopped();
  }

  /** Resolves to the CPU seconds that were seen. Ends what the process has left behind. */
  async stop(): Promise<number> {
    await this.#sample();
    this.#stopped = true;
    await this.#sampling;
    for (const pid of this.#members) end(pid);
    return [...this.#ticks.values()].reduce((sum, ticks) => sum + ticks, 0) / TICKS_PER_SEC;
  }

  async #sampleUntilStopped(): Promise<void> {
    while (!this.#stopped) {
      await this.#sample();
      await delay(SAMPLE_MILLIS);
    }
  }

  async #sample(): Promise<void> {
    const pids = (await readdir('/proc')).map(Number).filter((pid) => pid > 0);
    const stats = new Map<number, readonly number[]>();
    for (const pid of pids) {
      const fields = await statOf(pid);
      if (fields !== undefined) stats.set(pid, fields);
    }
    // A child has a higher pid than its parent, as a rule: the others are found by the next sample.
    for (const [pid, fields] of stats) if (this.#members.has(fields[PARENT] as number)) this.#members.add(pid);
    let bytes = 0;
    for (const pid of this.#members) {
      const fields = stats.get(pid);
      if (fields === undefined) {
        this.#members.delete(pid);
        continue;
      }
      bytes += (fields[RESIDENT_PAGES] as number) * PAGE_BYTES;
      this.#ticks.set(pid, (fields[USER_TICKS] as number) + (fields[SYSTEM_TICKS] as number));
    }
    this.peakBytes = Math.max(this.peakBytes, bytes);
  }
}

/** CPU seconds of the processes that this one has waited for, and of those that they have waited for. */
export async function waitedCpuSecs(): Promise<number> {
  const fields = (await statOf(process.pid)) ?? [];
  return ((fields[WAITED_USER_TICKS] ?? 0) + (fields[WAITED_SYSTEM_TICKS] ?? 0)) / TICKS_PER_SEC;
}

/** The numbers of /proc/<pid>/stat, from the state on; undefined if the process is gone. */
async function statOf(pid: number): Promise<readonly number[] | undefined> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    return text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
  } catch {
    return undefined;
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM');
  } catch {
    // It has ended.
  }
}
