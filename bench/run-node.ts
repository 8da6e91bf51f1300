import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Runs a program of Node; gives the seconds from spawn to exit. */
export async function runNode(args: readonly string[]): Promise<number> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const [status] = (await once(child, 'exit')) as [number | null];
  if (status !== 0) throw new Error(`${args.join(' ')} ended with status ${status}`);
  return (performance.now() - startedAt) / 1000;
}
