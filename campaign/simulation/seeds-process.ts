import { type Counts, noCounts, noteViolation } from '../counts.ts';
import { FlakyNetwork } from './network.ts';
import { runSeed, usesNetwork } from './run-seed.ts';

/**
 * The program of a process that runs seeds: `seeds-process.ts <first> <end> <step>`. It sends the counts of each seed to
 * its parent.
 */
const [first = 0, end = 0, step = 1] = process.argv.slice(2).map(Number);
let current = first;
process.on('unhandledRejection', (error) => {
  const counts = noCounts();
  noteViolation(counts, `--seed ${current}`, error);
  send(counts);
});
// Its parent is gone, or has had enough.
process.on('disconnect', () => process.exit());

let network: FlakyNetwork | undefined;
for (; current < end; current += step) {
  if (usesNetwork(current)) network ??= await FlakyNetwork.start();
  const started = network;
  send(await runSeed(current, started && ((random) => started.open(random))));
}
await network?.[Symbol.asyncDispose]();
process.disconnect();

function send(counts: Counts): void {
  process.send?.(counts);
}
