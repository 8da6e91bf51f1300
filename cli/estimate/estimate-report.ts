import type { ComparedPlace, Crossing } from './costs/comparison.ts';
import { alignedColumns, plainTable } from '../format/table.ts';
import { shortened, wrapped } from '../format/text.ts';
import { counted, dollars, duration, number, rough } from '../format/amounts.ts';
import type { Estimate } from './estimate.ts';
import type { MeasuredFigures } from './work-meter.ts';

/** Formats an estimate as text, in lines of at most `width` characters where they can be wrapped. */
export function estimateReport(estimate: Estimate, width: number): string {
  const { costs, measured, notes } = estimate;
  const parts = [factsTable(estimate, width)];
  if (costs !== null && measured !== null) {
    parts.push(
      '',
      alignedColumns([HEADINGS, ...costs.places.map(cellsOf)]),
      '',
      ...adviceLines(estimate, costs).map((line) => wrapped(line, width)),
    );
  }
  if (notes.length > 0) parts.push(['', 'Note:', ...notes.map((note) => wrapped(`- ${note}`, width, '  '))].join('\n'));
  return parts.join('\n');
}

/** Width of the borders and padding of a table with two columns. */
const FRAME = 7;

function factsTable(estimate: Estimate, width: number): string {
  const rows = factsOf(estimate);
  const labelWidth = Math.max(...rows.map(([label]) => label.length));
  const table = plainTable();
  for (const [label, text] of rows) table.push([label, shortened(text, width - labelWidth - FRAME)]);
  return table.toString();
}

function factsOf(estimate: Estimate): (readonly [label: string, text: string])[] {
  const { input, sample, measured, modelLoadSecs, peakMemoryMb, inferencesOn } = estimate;
  const about = input.isExact ? '' : 'about ';
  const elements = input.isExact ? number(input.elements) : rough(input.elements);
  const providers = Object.entries(inferencesOn).map(([name, count]) => `${number(count)} on ${name}`);
  return [
    ['pipeline', estimate.pipeline],
    ['elements', `${about}${elements}, in ${about}${counted(input.bundles, 'bundle')}`],
    ...(modelLoadSecs === null ? [] : [['model load', duration(modelLoadSecs)] as const]),
    ...(measured === null ? [] : measuredRows(measured, estimate)),
    ...(providers.length === 0 ? [] : [['inferences', providers.join(', ')] as const]),
    ['memory', `${number(peakMemoryMb)} MB peak, including the models`],
    ['sample', `${counted(sample.elements, 'element')}, ${number(sample.failed)} failed`],
    ...sample.failures.map(({ stage, error }) => [`  at ${stage}`, `${error.name}: ${error.message}`] as const),
    ...sample.predictions.map((line, index) => [index === 0 ? 'predictions' : '', JSON.stringify(line)] as const),
  ];
}

function measuredRows({ elementsPerSec, cpuSecsPerElement }: MeasuredFigures, { machine }: Estimate) {
  return [
    ['speed here', `${number(elementsPerSec)} elements/s, ${counted(machine.workers, 'worker')}`],
    ['CPU time', `${duration(1000 * cpuSecsPerElement)} per 1,000 elements`],
  ] as const;
}

const HEADINGS = ['place', 's per 1,000', 'this input', 'costs', 'per million'];

function cellsOf({ kind, name, size, figures, task }: ComparedPlace): readonly string[] {
  const label = `${name}, ${size}`;
  if (figures === undefined) return [label, '?', '?', task === undefined ? '?' : `> ${dollars(task.wakeDollars)}`, '?'];
  const { secsPerElement, secs, atOnce, dollars: cost, steadyDollars } = figures;
  const takes = `${duration(secs)}, ${counted(atOnce, kind === 'lambda' ? 'run' : 'task')}`;
  return [label, number(1000 * secsPerElement), takes, dollars(cost), dollars(1e6 * steadyDollars)];
}

function adviceLines(estimate: Estimate, costs: NonNullable<Estimate['costs']>): readonly string[] {
  const { cheapest, cheapestSteady, crossings, places, prices } = costs;
  const cost = places.find(({ name }) => name === cheapest)?.figures?.dollars;
  const lines = cost === undefined ? [] : [`Cheapest for this input: ${cheapest}, ${dollars(cost)}.`];
  lines.push(...crossings.map(crossingLine));
  if (cheapestSteady !== null) lines.push(`Cheapest under constant load (per million): ${cheapestSteady}.`);
  const assumed = `Assumes an AWS vCPU is as fast as a core here (${estimate.machine.processor}). Prices are ${prices}; docs/choosing.md lists what they include.`;
  return [lines.join(' '), ...gpuLines(places), assumed];
}

function crossingLine({ from, to, elements }: Crossing): string {
  if (elements === null) return `${to} is never cheaper than ${from}.`;
  if (elements <= 1) return `${to} is cheaper than ${from} at any size.`;
  return `${to} is cheaper than ${from} from about ${rough(Math.ceil(elements))} elements at once.`;
}

/** Explains, if no GPU was measured, what starting one costs and how fast it has to be to be cheaper. */
function gpuLines(places: readonly ComparedPlace[]): readonly string[] {
  if (places.every(({ figures }) => figures !== undefined)) return [];
  const lines = ['No GPU was measured; ">" is the cost of a task that starts and finds no work.'];
  const unmeasured = places.flatMap(({ name, pays }) => (pays === undefined ? [] : [{ name, ...pays }]));
  const [first] = unmeasured;
  if (first === undefined) return lines;
  const thresholds = unmeasured.map(
    ({ name, cores, elementsPerSec }) => `${name} ${number(cores, 2)} (${rough(elementsPerSec)} elements/s)`,
  );
  const least = Math.min(...unmeasured.map(({ cores }) => cores));
  const limit = `the task's CPUs, which read, preprocess and write, can keep up with at most ${number(first.mostCores, 2)} such cores.`;
  lines.push(
    `Under constant load, a GPU is cheaper if it replaces this number of cores like those here: ${thresholds.join(', ')}.`,
  );
  if (first.mostCores < least) lines.push(`That is impossible: ${limit}`);
  else if (first.mostCores < 2 * least) lines.push(`But ${limit}`);
  return [lines.join(' ')];
}
