/**
 * `npm run simulate:quota`: what the governor does for an endpoint whose quota nobody is told, against as many workers as
 * are wanted. Prints the table of docs/quota.md and draws its plot. It takes no time but its own: the clock is simulated.
 */
import { writeFile } from 'node:fs/promises';
import Table from 'cli-table3';
import { costs, phaseFigures } from './quota-simulation/figures.ts';
import { runScenario, type Scenario, SCENARIOS, SHOWN } from './quota-simulation/scenarios.ts';
import type { Sample } from './quota-simulation/simulate.ts';

const table = new Table({
  head: ['quota', 'governor', 'used', '429s', 'workers', 'recovery s', 'all 429s', 'worker h', 'idle h'],
  style: { head: [], border: [] },
});
for (const scenario of SCENARIOS) {
  for (const governed of [true, false]) addRows(scenario, governed, runScenario(scenario, governed));
}
console.log(table.toString());

function addRows(scenario: Scenario, governed: boolean, samples: readonly Sample[]): void {
  const { throttledRequests, workerHours, idleHours } = costs(scenario, samples);
  table.push([{ colSpan: 6, content: `${scenario.name}` }, throttledRequests, workerHours.toFixed(1), idleHours.toFixed(1)]);
  for (const { quota, used, throttled, workers, recoverySecs } of phaseFigures(scenario, samples)) {
    const cells = [`${quota} /s`, governed ? 'yes' : 'no', percent(used), percent(throttled), workers.toFixed(1), String(recoverySecs)];
    table.push([...cells, '', '', '']);
  }
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
