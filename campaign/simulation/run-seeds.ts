import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Counts, merge, noCounts, noteViolation } from '../counts.ts';

export interface RunSeedsOptions {
  readonly first: number;
  /** Number of seeds. */
  readonly seeds: number;
  /** Number of processes that share them. */
  readonly processes: number;
  /** Ends the campaign before all seeds are done. */
  readonly signal: AbortSignal;
  /** Called with the counts of each seed. */
  readonly onSeed: (counts: Counts) => void;
}

const PROGRAM = fileURLToPath(new URL('./seeds-process.ts', import.meta.url));

/** Runs seeds in separate processes, every nth seed in each. */
export async function runSeeds({ first, seeds, processes, signal, onSeed }: RunSeedsOptions): Promise<Counts> {
  const all = noCounts();
  const run = async (index: number): Promise<void> => {
    const range = [first + index, first + seeds, processes].map(String);
    const child = fork(PROGRAM, range, { execArgv: ['-C', '@inference-fabric/source'] });
    const stop = (): void => void child.kill('SIGKILL');
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    child.on('message', (message) => {
      // Counts, as the program sends them.
      const counts = message as Counts;
      merge(all, counts);
      onSeed(counts);
    });
    const [status] = (await once(child, 'close')) as [number | null];
    signal.removeEventListener('abort', stop);
    if (status !== 0 && !signal.aborted)
      noteViolation(
        all,
        `--first-seed ${range[0]}`,
        new Error(`the process of every ${processes}th seed ended with ${status}`),
      );
  };
  await Promise.all(Array.from({ length: processes }, (_, index) => run(index)));
  return all;
}
