import { percentile } from '../percentile.ts';
import type { Check } from './check-predictions.ts';
import { OURS } from './contestants.ts';
import type { Run } from './run-contestant.ts';
import type { Workload } from './workloads.ts';

export interface CheckedRun extends Run {
  readonly round: number;
  readonly check: Check | undefined;
}

const MEGABYTE = 1e6;

/** Prints the table of a workload: each contestant beside ours of the same round, as the machine's speed changes. */
export function printTable({ title }: Workload, runs: readonly CheckedRun[]): void {
  const names = [...new Set(runs.map(({ contestant }) => contestant))];
  console.log(`### ${title}\n`);
  console.log('| contestant | wall s | CPU s | peak MB | their wall / ours | their CPU / ours | predictions, right |');
  console.log('| --- | --- | --- | --- | --- | --- | --- |');
  for (const name of names) {
    const own = runs.filter(({ contestant }) => contestant === name);
    const wall = own.map(({ wallSecs }) => wallSecs);
    const cpu = own.map(({ cpuSecs }) => cpuSecs);
    const peak = Math.max(...own.map(({ peakBytes }) => peakBytes)) / MEGABYTE;
    const cells = [
      `${name}${exitOf(own)}`,
      spread(wall),
      spread(cpu),
      peak.toFixed(0),
      spread(ratios(own, runs, 'wallSecs')),
      spread(ratios(own, runs, 'cpuSecs')),
      checkOf(own),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
  console.log('');
}

function ratios(own: readonly CheckedRun[], all: readonly CheckedRun[], measure: 'wallSecs' | 'cpuSecs'): number[] {
  return own.flatMap((run) => {
    const ours = all.find(({ contestant, round }) => contestant === OURS && round === run.round);
    return ours === undefined ? [] : run[measure] / ours[measure];
  });
}

function exitOf(runs: readonly CheckedRun[]): string {
  const failed = runs.find(({ status }) => status !== 0);
  return failed === undefined ? '' : ` (exit ${failed.status})`;
}

function checkOf(runs: readonly CheckedRun[]): string {
  const check = runs.find((run) => run.check !== undefined)?.check;
  if (check === undefined) return '';
  const { lines, right, largestDifference } = check;
  return `${lines.toLocaleString('en')}, ${right.toLocaleString('en')} right within ${largestDifference.toExponential(0)}`;
}

function spread(values: readonly number[]): string {
  if (values.length === 0) return '';
  const middle = percentile(values, 0.5).toFixed(2);
  return values.length === 1
    ? middle
    : `${middle} (${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)})`;
}
