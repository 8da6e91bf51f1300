import type { RejectedInput } from '../../lib/jobs/run/reject-input.ts';
import type { TokenUsage } from '../../lib/remote/token-usage.ts';
import { describeRejected } from '../describe-rejected.ts';
import { failureList } from '../failure-table.ts';
import { counted, duration, number } from '../format/amounts.ts';
import { plainTable } from '../format/table.ts';
import { shownPath } from '../format/text.ts';
import { endRows } from './job-ends.ts';
import { describeSpent } from './time-spent.ts';
import type { RunSummary } from './summary.ts';
import { FOLDER_NAMES } from '../../lib/jobs/part-names.ts';

/** Number of results and of rejected inputs that a table names; the others are only counted. */
const SHOWN_RESULTS = 5;
const SHOWN_REJECTED = 5;

/** Formats the summary of a run as a table, followed by the failures by reason. */
export function summaryTable(summary: RunSummary): string {
  const { batchSizes, modelLoadSecs, failedByStage, results } = summary;
  const table = plainTable();
  table.push(['pipeline', summary.pipeline], ['succeeded', number(summary.succeeded)]);
  table.push(['failed', number(summary.failed)]);
  for (const [stage, count] of Object.entries(failedByStage)) table.push([`  at ${stage}`, number(count)]);
  table.push(...rejectedRows(summary.rejected));
  if (summary.resumed > 0) table.push(['resumed', number(summary.resumed)]);
  table.push(['time', `${duration(summary.elapsedSecs)} (${number(summary.elementsPerSec)} elements/s)`]);
  table.push(['spent', describeSpent(summary.spent)], ['bottleneck', summary.bottleneck]);
  if (batchSizes !== null) {
    table.push(['batches', describeBatches(batchSizes)]);
  }
  if (summary.packed > 0) table.push(['read', describePacked(summary)]);
  if (modelLoadSecs !== null) table.push(['model load', describeLoads(summary, modelLoadSecs)]);
  if (summary.requests !== null) table.push(['requests', describeRequests(summary.requests)]);
  if (summary.usage !== undefined) table.push(['tokens', describeUsage(summary.usage)]);
  for (const path of results.slice(0, SHOWN_RESULTS)) table.push(['results', shownPath(path)]);
  if (results.length > SHOWN_RESULTS)
    table.push([
      '',
      `and ${number(results.length - SHOWN_RESULTS)} more in ${shownPath(`${summary.output}/${summary.pipeline}`)}`,
    ]);
  table.push(...endRows(summary));
  for (const path of errorsFolders(summary)) table.push(['failures', path]);
  const { failureGroups, otherFailures } = summary;
  if (failureGroups.length === 0) return table.toString();
  const list = failureList({ list: () => failureGroups, others: otherFailures });
  return [table.toString(), list, ...failuresCommand(summary)].join('\n');
}

/** Returns the command that shows the failures of the one job. Several jobs are in several folders. */
function failuresCommand({ results }: RunSummary): readonly string[] {
  const [folder, ...others] = results.filter((path) => !path.endsWith('.json'));
  return folder === undefined || others.length > 0 ? [] : [`See each: fabric failures ${shownPath(folder)}`];
}

/** Returns where the lines of failed elements are. An input that is one element has its failure in its result. */
function errorsFolders({ failureGroups, results, output, pipeline }: RunSummary): readonly string[] {
  const folders = results.filter((path) => !path.endsWith('.json'));
  const [first] = folders;
  // Outcomes of a cancelled bundle are counted, but have no lines.
  if (failureGroups.length === 0 || first === undefined) return [];
  return [
    folders.length === 1
      ? `${shownPath(first)}/${FOLDER_NAMES.errors}/`
      : `see ${FOLDER_NAMES.errors}/ in each results folder in ${shownPath(`${output}/${pipeline}`)}/`,
  ];
}

function rejectedRows(rejected: readonly RejectedInput[]): [string, string][] {
  const rows: [string, string][] = rejected
    .slice(0, SHOWN_REJECTED)
    .map((input, index) => [index === 0 ? 'rejected' : '', describeRejected(input)]);
  const more = rejected.length - rows.length;
  return more === 0 ? rows : [...rows, ['', `and ${more} more`]];
}

function describeBatches({ batches, min, max, mean }: NonNullable<RunSummary['batchSizes']>): string {
  return `${number(batches)} (size ${min}-${max}, mean ${mean})`;
}

function describePacked({ packed, total }: RunSummary): string {
  return packed === total ? 'straight into tensors' : `${number(packed)} of ${number(total)} straight into tensors`;
}

function describeLoads({ modelLoads, modelEvictions }: RunSummary, secs: number): string {
  if (modelLoads === 1) return `${secs} s`;
  const evictions = modelEvictions === 0 ? '' : `, ${modelEvictions} evicted`;
  return `${counted(modelLoads, 'load')}, ${secs} s each${evictions}`;
}

function describeRequests({ made, throttled, retried, meanMillis }: NonNullable<RunSummary['requests']>): string {
  const parts = [number(made)];
  if (meanMillis !== null) parts.push(`${meanMillis} ms each`);
  if (throttled > 0) parts.push(`${number(throttled)} throttled`);
  if (retried > 0) parts.push(`${number(retried)} retried`);
  return parts.join(', ');
}

function describeUsage({ inputTokens, cachedInputTokens, outputTokens, reasoningTokens }: TokenUsage): string {
  const [input = '', cached = '', output = '', reasoning = ''] = [
    inputTokens,
    cachedInputTokens,
    outputTokens,
    reasoningTokens,
  ].map((tokens) => number(tokens));
  const ofInput = cachedInputTokens === 0 ? '' : ` (${cached} cached)`;
  const ofOutput = reasoningTokens === 0 ? '' : ` (${reasoning} reasoning)`;
  return `${input} input${ofInput}, ${output} output${ofOutput}`;
}
