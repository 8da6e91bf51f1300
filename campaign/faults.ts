/**
 * `npm run test:faults`: injects faults into the fabric for a given time, and checks that every element has exactly one
 * outcome. It prints a table of what it did, and exits with 1 if a promise was broken.
 *
 *     npm run test:faults -- --seeds 3000 --kills 500
 *     npm run test:faults -- --seed 17
 *
 * Options: `--seeds` simulations (200), `--first-seed` (0), `--kills` of real processes (20), `--minutes` after which it
 * ends early, `--seed` to run the simulation of one seed alone.
 */
import { availableParallelism } from 'node:os';
import { type Counts, merge, noCounts } from './counts.ts';
import { runKills } from './kills/run-kills.ts';
import { numbersFrom } from './settings.ts';
import { runSeeds } from './simulation/run-seeds.ts';
import { tableOf, violationLines } from './table.ts';

const SEEDS = 200;
const KILLS = 20;
/** Processes that share the seeds: more would disturb the kills' clocks. */
const MAX_PROCESSES = 2;

const settings = numbersFrom(process.argv.slice(2), {
  seeds: SEEDS,
  kills: KILLS,
  minutes: undefined,
  seed: undefined,
  'first-seed': 0,
});
const { seed, minutes } = settings;
const signal = minutes === undefined ? new AbortController().signal : AbortSignal.timeout(minutes * 60_000);
const counts = noCounts();
const startedAt = performance.now();

const seeds = seed === undefined ? (settings.seeds ?? SEEDS) : 1;
merge(
  counts,
  await runSeeds({
    first: seed ?? settings['first-seed'] ?? 0,
    seeds,
    processes: Math.min(seeds, MAX_PROCESSES, availableParallelism()),
    signal,
    onSeed: report,
  }),
);
const kills = seed === undefined ? (settings.kills ?? KILLS) : 0;
if (kills > 0) merge(counts, await runKills({ kills, signal, onRound: report }));

console.log(`\n${tableOf(counts)}\n\n${Math.round((performance.now() - startedAt) / 1000)} s`);
for (const line of violationLines(counts)) console.error(line);
process.exitCode = counts.violations.length > 0 ? 1 : 0;

function report({ violations }: Counts): void {
  for (const { again, kind } of violations) console.error(`${again}: ${kind}`);
}
