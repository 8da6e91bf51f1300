import { add, type Counts, merge, noCounts, noteViolation } from '../counts.ts';
import { localRound, runRound } from './cli-rounds.ts';
import { fleetRound, type RoundOptions } from './fleet-round.ts';

export interface RunKillsOptions {
  /** Number of processes to kill. */
  readonly kills: number;
  readonly signal: AbortSignal;
  /** Called with the counts of each round. */
  readonly onRound: (counts: Counts) => void;
}

type Round = (options: RoundOptions) => Promise<void>;

/** Kills of a round of each kind, in the order in which rounds follow each other. */
const ROUNDS: readonly (readonly [name: string, kills: number, round: Round])[] = [
  ['fleet of workers and control processes', 25, fleetRound],
  ['fabric run', 5, runRound],
  ['fabric local', 3, localRound],
];

/** Kills real processes, in rounds; each checks all of its outcomes at its end. */
export async function runKills({ kills, signal, onRound }: RunKillsOptions): Promise<Counts> {
  const all = noCounts();
  for (let round = 0, left = kills; left > 0 && !signal.aborted; round += 1) {
    const [name, most, run] = ROUNDS[round % ROUNDS.length] ?? ['', 1, fleetRound];
    const counts = noCounts();
    add(counts.runs, `kills: ${name}`);
    try {
      await run({ kills: Math.min(most, left), seed: round, counts, signal });
    } catch (error) {
      noteViolation(counts, `--kills (round ${round}, ${name})`, error);
    }
    left -= most;
    merge(all, counts);
    onRound(counts);
  }
  return all;
}
