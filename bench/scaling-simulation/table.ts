import Table, { type HorizontalTableRow } from 'cli-table3';
import { type Evaluation, isSoonEnough, type Swept } from './evaluation.ts';
import type { Ages, Figures } from './figures.ts';
import type { Trace } from './traces.ts';

const PLAIN = { style: { head: [], border: [], compact: true } };

/** Returns the results of one evaluation, a line for each trace. */
export function traceTable({ byTrace }: Evaluation, hourDollars: number): string {
  const table = new Table(PLAIN);
  table.push(
    ['minutes', { colSpan: 3, content: 'until taken' }, { colSpan: 3, content: 'later than at best' }, '', '', '', ''],
    ['', 'p50', 'p95', 'most', 'p50', 'p95', 'most', 'GPU-hours', 'working', 'started', '$'],
  );
  for (const [trace, { taken, late, instanceHours, utilisation, tasksStarted }] of byTrace) {
    table.push([
      trace.name,
      ...minutesOf(taken),
      ...minutesOf(late),
      instanceHours.toFixed(1),
      percent(utilisation),
      String(tasksStarted),
      (instanceHours * hourDollars).toFixed(2),
    ]);
  }
  return table.toString();
}

export interface SweepTableOptions {
  /** Figures of the traces that are shown, with the names of their columns. */
  readonly columns: ReadonlyMap<Trace, string>;
  readonly hourDollars: number;
}

/** Returns the results of candidates for settings, a line for each. */
export function sweepTable(
  sweeps: ReadonlyMap<Swept, { readonly all: readonly Evaluation[]; readonly chosen: Evaluation | undefined }>,
  { columns, hourDollars }: SweepTableOptions,
): string {
  const table = new Table(PLAIN);
  table.push(['', 'paid for', 'late', 'soon', ...[...columns.values()].map(columnHead)]);
  table.push(['', '1 h work', 'p50', 'enough', ...[...columns.keys()].flatMap(() => ['p95', '$'])]);
  for (const [setting, { all, chosen }] of sweeps) {
    table.push([{ colSpan: 4 + 2 * columns.size, content: setting }]);
    for (const evaluation of all) {
      const name = `${evaluation === chosen ? '→' : ' '} ${evaluation.settings[setting]}`;
      table.push(evaluationRow(name, evaluation, { columns, hourDollars }));
    }
  }
  return table.toString();
}

/** Returns the results of the designs that are compared. */
export function designTable(designs: ReadonlyMap<string, Evaluation>, options: SweepTableOptions): string {
  const table = new Table(PLAIN);
  table.push(['', 'paid for', 'late', 'soon', ...[...options.columns.values()].map(columnHead)]);
  table.push(['', '1 h work', 'p50', 'enough', ...[...options.columns.keys()].flatMap(() => ['p95', '$'])]);
  for (const [name, evaluation] of designs) table.push(evaluationRow(name, evaluation, options));
  return table.toString();
}

function evaluationRow(
  name: string,
  evaluation: Evaluation,
  { columns, hourDollars }: SweepTableOptions,
): HorizontalTableRow {
  const cells = [...columns.keys()].flatMap((trace) => traceCells(evaluation.byTrace.get(trace), hourDollars));
  const isEnough = isSoonEnough(evaluation) ? 'yes' : 'no';
  return [name, `${evaluation.paidForWork.toFixed(2)} h`, minutes(evaluation.lateSecs), isEnough, ...cells];
}

function traceCells(figures: Figures | undefined, hourDollars: number): readonly string[] {
  if (figures === undefined) return ['', ''];
  return [minutes(figures.late.p95), (figures.instanceHours * hourDollars).toFixed(2)];
}

function columnHead(content: string): { readonly colSpan: number; readonly content: string } {
  return { colSpan: 2, content };
}

function minutesOf({ p50, p95, max }: Ages): readonly string[] {
  return [minutes(p50), minutes(p95), minutes(max)];
}

function minutes(secs: number): string {
  return (secs / 60).toFixed(secs < 6000 ? 1 : 0);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}
