/**
 * `npm run test:fuzz`: gives every parser of external bytes inputs that are nearly valid, cuts documents into bundles, and
 * reads lines of numbers into values and straight into tensors. It prints a table of what it did, and exits with 1 if a
 * parser crashed, hung, polluted a prototype, read a document differently because it was cut, or read numbers differently
 * because they were packed.
 *
 *     npm run test:fuzz -- --minutes 5 --seed 1
 *     npm run test:fuzz -- --seed 1 --input 4711
 *
 * Options: `--minutes` (1), `--seed` (1), `--input` to run one input alone.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { type Counts, merge, noCounts, noteViolation } from './counts.ts';
import { numbersFrom } from './settings.ts';
import { tableOf, violationLines } from './table.ts';

const MINUTES = 1;
const SEED = 1;
const MAX_PROCESSES = 2;
const MINUTE_MILLIS = 60_000;
/** An input that takes longer than this never ends. */
const HANG_MILLIS = 60_000;
const PROGRAM = fileURLToPath(new URL('./fuzzing/inputs-process.ts', import.meta.url));

const settings = numbersFrom(process.argv.slice(2), { minutes: MINUTES, seed: SEED, input: undefined });
const { minutes = MINUTES, seed = SEED, input } = settings;
const counts = noCounts();
const processes = input === undefined ? Math.min(MAX_PROCESSES, availableParallelism()) : 1;
await Promise.all(Array.from({ length: processes }, (_, index) => run(index)));

console.log(`\n${tableOf(counts)}`);
for (const line of violationLines(counts)) console.error(line);
process.exitCode = counts.violations.length > 0 ? 1 : 0;

/** Runs every nth input in a process, and ends it if it hangs. */
async function run(index: number): Promise<void> {
  const end = input === undefined ? Number.MAX_SAFE_INTEGER : input + 1;
  const args = [seed, input ?? index, end, processes, minutes * MINUTE_MILLIS].map(String);
  const child = fork(PROGRAM, args, { execArgv: ['-C', '@inference-fabric/source'] });
  let at = input ?? index;
  const hang = (): void => void child.kill('SIGKILL');
  let watch = setTimeout(hang, HANG_MILLIS);
  child.on('message', (message) => {
    // As the program sends it.
    const report = message as { readonly current: number; readonly counts: Counts };
    at = report.current;
    merge(counts, report.counts);
    clearTimeout(watch);
    watch = setTimeout(hang, HANG_MILLIS);
  });
  const [status, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  clearTimeout(watch);
  if (status !== 0)
    noteViolation(
      counts,
      `--seed ${seed} --input ${at} or one after it`,
      new Error(`the process ended with ${status ?? signal}`),
    );
}
