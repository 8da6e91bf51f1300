import { readFile } from 'node:fs/promises';

/**
 * The bytes of memory that are a process's own, and that its end would free: not those of files and libraries that it
 * shares with others. Undefined where the system does not tell: it is not Linux, or the process is gone or not ours.
 */
export async function privateBytes(pid: number): Promise<number | undefined> {
  try {
    return privateBytesOf(await readFile(`/proc/${pid}/smaps_rollup`, 'utf8'));
  } catch {
    return undefined;
  }
}

/** `Private_Hugetlb` is not counted in the others: proc_pid_smaps(5). */
function privateBytesOf(rollup: string): number | undefined {
  const sizes = [...rollup.matchAll(/^Private_(?:Clean|Dirty|Hugetlb): +(\d+) kB$/gm)];
  return sizes.length === 0 ? undefined : sizes.reduce((sum, [, kibibytes]) => sum + Number(kibibytes) * 1024, 0);
}
