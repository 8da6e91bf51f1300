import Table, { type HorizontalTableRow } from 'cli-table3';
import { costs, type PhaseFigures, phaseFigures } from './figures.ts';
import type { Scenario } from './scenarios.ts';
import type { Sample } from './simulate.ts';

/** One scenario, with the governor and without. */
export interface Comparison {
  readonly scenario: Scenario;
  readonly governed: readonly Sample[];
  readonly fixed: readonly Sample[];
}

const HEAD = ['requests/s', 'used', '429s', 'engines', 'recovered', 'used', '429s', 'engines', 'recovered'];

/** Returns the results of each scenario: a line for each of its quotas, and one for the whole time. */
export function table(comparisons: readonly Comparison[]): string {
  const table = new Table({ style: { head: [], border: [], compact: true } });
  table.push([
    'quota',
    { colSpan: 4, content: 'with the governor' },
    { colSpan: 4, content: 'as many engines as are wanted' },
  ]);
  table.push(HEAD);
  for (const comparison of comparisons) table.push(...rows(comparison));
  return table.toString();
}

function rows({ scenario, governed, fixed }: Comparison): readonly HorizontalTableRow[] {
  const { name, wanted } = scenario;
  const without = phaseFigures(scenario, fixed);
  const quotas = phaseFigures(scenario, governed).map((figures, index): HorizontalTableRow => {
    return [String(figures.quota)].concat(cells(figures), cells(without[index]));
  });
  return [
    [{ colSpan: HEAD.length, content: `${name}, at most ${wanted} wanted` }],
    ...quotas,
    ['in all', ...totals(scenario, governed), ...totals(scenario, fixed)],
  ];
}

function cells(figures: PhaseFigures | undefined): readonly string[] {
  if (figures === undefined) return [];
  const { used, throttled, engines, recoverySecs } = figures;
  return [
    percent(used),
    percent(throttled),
    engines.toFixed(0),
    Number.isFinite(recoverySecs) ? `${recoverySecs} s` : 'never',
  ];
}

function totals(scenario: Scenario, samples: readonly Sample[]): HorizontalTableRow {
  const { throttledRequests, engineHours, idleHours } = costs(scenario, samples);
  const hours = `${engineHours.toFixed(1)} h, idle ${idleHours.toFixed(1)} h`;
  return ['', String(throttledRequests), { colSpan: 2, content: hours }];
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
