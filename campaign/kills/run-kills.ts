import { type Counts, noCounts } from '../counts.ts';

export interface RunKillsOptions {
  /** Number of processes to kill. */
  readonly kills: number;
  readonly signal: AbortSignal;
  /** Called with the counts of each run. */
  readonly onRun: (counts: Counts) => void;
}

export async function runKills(_options: RunKillsOptions): Promise<Counts> {
  return noCounts();
}
