import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, rm } from 'node:fs/promises';
import type { Contestant } from './contestants.ts';
import { ProcessTree, waitedCpuSecs } from './process-tree.ts';

export interface Run {
  readonly contestant: string;
  readonly status: number | null;
  readonly wallSecs: number;
  readonly cpuSecs: number;
  /** Most memory of all its processes together, in bytes; pages that they share count once for each. */
  readonly peakBytes: number;
}

/** Runs a contestant as a user would: whole processes, from spawn to exit. What it says goes to a file. */
export async function runContestant({ name, command, env, output }: Contestant, logPath: string): Promise<Run> {
  await rm(output, { recursive: true, force: true });
  await mkdir(output, { recursive: true });
  await using log = await open(logPath, 'w');
  const waitedBefore = await waitedCpuSecs();
  const startedAt = performance.now();
  const [program = '', ...args] = command;
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', log.fd, log.fd] });
  const tree = new ProcessTree(child.pid ?? 0);
  const [status] = (await once(child, 'exit')) as [number | null];
  const wallSecs = (performance.now() - startedAt) / 1000;
  const sampled = await tree.stop();
  // Whichever saw more: samples miss the ends of processes, and waiting misses daemons.
  const cpuSecs = Math.max((await waitedCpuSecs()) - waitedBefore, sampled);
  return { contestant: name, status, wallSecs, cpuSecs, peakBytes: tree.peakBytes };
}
