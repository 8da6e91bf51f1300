import { noCounts, noteViolation } from '../counts.ts';
import { merge } from '../counts.ts';
import { openFuzzers, runInput } from './run-input.ts';

/**
 * The program of a process that runs inputs until its time is over: `inputs-process.ts <seed> <first> <end> <step>
 * <millis>`. It reports the number of its current input to its parent, so that an input that never ends is found.
 */
const [seed = 1, first = 0, end = 0, step = 1, millis = 0] = process.argv.slice(2).map(Number);
const REPORT_MILLIS = 500;

let current = first;
let counts = noCounts();
process.on('unhandledRejection', (error) => noteViolation(counts, `--seed ${seed} --input ${current}`, error));
process.on('disconnect', () => process.exit());

const fuzzers = await openFuzzers();
const until = performance.now() + millis;
for (let reportedAt = 0; current < end && performance.now() < until; current += step) {
  if (performance.now() - reportedAt > REPORT_MILLIS) {
    report();
    reportedAt = performance.now();
    // Node.js reports an unhandled rejection between two turns of the event loop.
    await new Promise((resolve) => setImmediate(resolve));
  }
  merge(counts, await runInput(fuzzers, seed, current));
}
report();
process.disconnect();

function report(): void {
  process.send?.({ current, counts });
  counts = noCounts();
}
