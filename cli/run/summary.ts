import { relative } from 'node:path';
import type { RejectedInput } from '../../lib/jobs/run/reject-input.ts';
import type { JobResult } from '../../lib/jobs/run/run-jobs.ts';
import type { LooseResult } from '../../lib/jobs/run/run-loose-elements.ts';
import { type Distribution, meanOf, type Metrics } from '../../lib/telemetry/metrics.ts';
import type { FailureGroup, FailureGroups } from '../../lib/jobs/report/failure-groups.ts';
import { failureList } from '../failure-table.ts';
import { endRows, type JobEnds, jobEnds } from './job-ends.ts';
import { addUsage, type TokenUsage } from '../../lib/remote/token-usage.ts';
import { plainTable } from '../format/table.ts';

/** What `fabric run --json` prints. */
export interface RunSummary extends JobEnds {
  readonly pipeline: string;
  readonly output: string;
  readonly total: number;
  readonly succeeded: number;
  readonly failed: number;
  /** Of the total, those whose outcomes an earlier run had committed. */
  readonly resumed: number;
  readonly failedByStage: Readonly<Record<string, number>>;
  /** Inputs that could not be run, and why. Also in the output, as `_rejected/<pipeline>/<name>.json`. */
  readonly rejected: readonly RejectedInput[];
  /** Failures by reason, the largest group first, and the number of failures beyond the kept reasons. */
  readonly failureGroups: readonly FailureGroup[];
  readonly otherFailures: number;
  readonly elapsedSecs: number;
  /** Of those that this run did itself. */
  readonly elementsPerSec: number;
  /** Elements of a batch: how many batches ran, their mean, least and most. */
  readonly batchSizes: {
    readonly batches: number;
    readonly mean: number;
    readonly min: number;
    readonly max: number;
  } | null;
  /** Mean seconds that a model took to load. */
  readonly modelLoadSecs: number | null;
  /** Times that a copy of a model was loaded, and times that one was put out of memory to make room. */
  readonly modelLoads: number;
  readonly modelEvictions: number;
  /** Requests to endpoints, where the pipeline asks any. */
  readonly requests: {
    readonly made: number;
    /** Refused because there were too many; they were made again, at no charge to the elements. */
    readonly throttled: number;
    /** Made again because they failed. */
    readonly retried: number;
    readonly meanMillis: number | null;
    /** Seconds that requests waited for their turn, all of them together. */
    readonly waitedSecs: number;
  } | null;
  /** Tokens that remote models counted, including outcomes of earlier runs; absent if no model did. */
  readonly usage?: TokenUsage;
  /** The models that made the predictions: their full digests by what the lines show. */
  readonly models: Readonly<Record<string, string>>;
  /** Folders of results; a file for each input that is one element by itself. */
  readonly results: readonly string[];
}

export interface RunFacts {
  readonly pipeline: string;
  readonly output: string;
  readonly results: readonly JobResult[];
  readonly loose: readonly LooseResult[];
  readonly rejected: readonly RejectedInput[];
  /** Elements whose outcomes an earlier run had committed. */
  readonly resumed: number;
  readonly failures: FailureGroups;
  readonly metrics: Metrics;
  readonly elapsedMillis: number;
}

export function summarize(facts: RunFacts): RunSummary {
  const { pipeline, output, results, loose, rejected, resumed, failures, metrics, elapsedMillis } = facts;
  const notes = results.flatMap((result) => result.notes);
  const looseFailures = loose.filter((result) => !result.succeeded);
  const failedByStage: Record<string, number> = {};
  const addFailures = (stage: string, count: number): void => {
    failedByStage[stage] = (failedByStage[stage] ?? 0) + count;
  };
  const tallies = [...notes, ...results.map(({ cutOff }) => cutOff)];
  for (const tally of tallies)
    for (const [stage, count] of Object.entries(tally.failedByStage)) addFailures(stage, count);
  for (const { stage = 'unknown' } of looseFailures) addFailures(stage, 1);
  const cutOff = results.reduce((sum, result) => sum + result.cutOff.total, 0);
  const total = notes.reduce((sum, note) => sum + note.elements, 0) + cutOff + loose.length;
  const succeeded = tallies.reduce((sum, tally) => sum + tally.succeeded, 0) + loose.length - looseFailures.length;
  const loads = metrics.distribution('load_model_latency_milli_secs');
  return {
    pipeline,
    output,
    total,
    succeeded,
    failed: total - succeeded,
    resumed,
    failedByStage,
    ...jobEnds(results),
    rejected,
    failureGroups: failures.list(),
    otherFailures: failures.others,
    elapsedSecs: rounded(elapsedMillis / 1000, 3),
    elementsPerSec: Math.round((total - resumed) / (elapsedMillis / 1000)),
    batchSizes: batchSizes(metrics.distribution('inference_request_batch_size')),
    modelLoadSecs: loads === undefined ? null : rounded(meanOf(loads) / 1000, 3),
    modelLoads: loads?.count ?? 0,
    modelEvictions: metrics.counter('model_evictions'),
    requests: requests(metrics),
    ...usageOf([...notes, ...loose]),
    models: Object.assign({}, ...[...notes, ...loose].map((part) => part.models)) as Record<string, string>,
    results: [...results.map((result) => result.folder), ...loose.map((result) => result.path)],
  };
}

function batchSizes(sizes: Distribution | undefined): RunSummary['batchSizes'] {
  return sizes === undefined
    ? null
    : { batches: sizes.count, mean: rounded(meanOf(sizes), 1), min: sizes.min, max: sizes.max };
}

function requests(metrics: Metrics): RunSummary['requests'] {
  const made = metrics.counter('endpoint_requests');
  if (made === 0) return null;
  const latency = metrics.distribution('endpoint_latency_milli_secs');
  return {
    made,
    throttled: metrics.counter('endpoint_requests_throttled'),
    retried: metrics.counter('endpoint_request_retries'),
    meanMillis: latency === undefined ? null : rounded(meanOf(latency), 1),
    waitedSecs: rounded(metrics.counter('endpoint_throttled_milli_secs') / 1000, 1),
  };
}

function usageOf(parts: readonly { readonly usage?: TokenUsage | undefined }[]): Pick<RunSummary, 'usage'> {
  const usage = parts.reduce<TokenUsage | undefined>((sum, part) => addUsage(sum, part.usage), undefined);
  return usage === undefined ? {} : { usage };
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

/** Number of results and of rejected inputs that a table names; the others are only counted. */
const SHOWN_RESULTS = 5;
const SHOWN_REJECTED = 5;

export function summaryTable(summary: RunSummary): string {
  const { batchSizes, modelLoadSecs, failedByStage, results } = summary;
  const table = plainTable();
  table.push(['pipeline', summary.pipeline], ['succeeded', summary.succeeded.toLocaleString('en')]);
  table.push(['failed', summary.failed.toLocaleString('en')]);
  for (const [stage, count] of Object.entries(failedByStage)) table.push([`  at ${stage}`, count.toLocaleString('en')]);
  table.push(...rejectedRows(summary.rejected));
  if (summary.resumed > 0) table.push(['from before', summary.resumed.toLocaleString('en')]);
  table.push(['elements/s', `${summary.elementsPerSec.toLocaleString('en')} (${summary.elapsedSecs} s in all)`]);
  if (batchSizes !== null) {
    table.push(['batches', `${batchSizes.batches} of ${batchSizes.min} to ${batchSizes.max}, mean ${batchSizes.mean}`]);
  }
  if (modelLoadSecs !== null) table.push(['model load', describeLoads(summary, modelLoadSecs)]);
  if (summary.requests !== null) table.push(['requests', describeRequests(summary.requests)]);
  if (summary.usage !== undefined) table.push(['tokens', describeUsage(summary.usage)]);
  for (const path of results.slice(0, SHOWN_RESULTS)) table.push(['results', shown(path)]);
  if (results.length > SHOWN_RESULTS)
    table.push(['', `and ${results.length - SHOWN_RESULTS} more in ${shown(`${summary.output}/${summary.pipeline}`)}`]);
  table.push(...endRows(summary));
  for (const path of errorsFolders(summary)) table.push(['failures', path]);
  const { failureGroups, otherFailures } = summary;
  if (failureGroups.length === 0) return table.toString();
  return `${table.toString()}\n${failureList({ list: () => failureGroups, others: otherFailures })}`;
}

/** Folders that contain the lines of failed elements; an input that is one element has its failure in its result. */
function errorsFolders({ failureGroups, results, output, pipeline }: RunSummary): readonly string[] {
  const folders = results.filter((path) => !path.endsWith('.json'));
  const [first] = folders;
  // Outcomes of a cancelled bundle are counted, but have no lines.
  if (failureGroups.length === 0 || first === undefined) return [];
  return [
    folders.length === 1
      ? `${shown(first)}/errors/`
      : `errors/ in each folder below ${shown(`${output}/${pipeline}`)}/`,
  ];
}

function rejectedRows(rejected: readonly RejectedInput[]): [string, string][] {
  const rows: [string, string][] = rejected
    .slice(0, SHOWN_REJECTED)
    .map((input, index) => [index === 0 ? 'rejected' : '', describeRejected(input)]);
  const more = rejected.length - rows.length;
  return more === 0 ? rows : [...rows, ['', `and ${more} more inputs`]];
}

/** Returns one line with the file or URI and why it could not be run. */
export function describeRejected({ input, reason }: RejectedInput): string {
  return oneLine(`${shown(input)}: ${reason}`);
}

/** Escapes line ends and other control characters of file names, which a terminal must not act on. */
function oneLine(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (character) =>
    JSON.stringify(character).slice(1, -1),
  );
}

function describeLoads({ modelLoads, modelEvictions }: RunSummary, secs: number): string {
  if (modelLoads === 1) return `${secs} s`;
  const evictions = modelEvictions === 0 ? '' : `, ${modelEvictions} evicted`;
  return `${modelLoads} of ${secs} s each${evictions}`;
}

function describeRequests({ made, throttled, retried, meanMillis }: NonNullable<RunSummary['requests']>): string {
  const parts = [made.toLocaleString('en')];
  if (meanMillis !== null) parts.push(`${meanMillis} ms each`);
  if (throttled > 0) parts.push(`${throttled.toLocaleString('en')} throttled and made again`);
  if (retried > 0) parts.push(`${retried.toLocaleString('en')} retried`);
  return parts.join(', ');
}

function describeUsage({ inputTokens, cachedInputTokens, outputTokens, reasoningTokens }: TokenUsage): string {
  const [input = '', cached = '', output = '', reasoning = ''] = [
    inputTokens,
    cachedInputTokens,
    outputTokens,
    reasoningTokens,
  ].map((tokens) => tokens.toLocaleString('en'));
  const ofInput = cachedInputTokens === 0 ? '' : ` (${cached} cached)`;
  const ofOutput = reasoningTokens === 0 ? '' : ` (${reasoning} reasoning)`;
  return `${input} input${ofInput}, ${output} output${ofOutput}`;
}

/** A path as short as it can be said from here; a URI as it is. */
function shown(path: string): string {
  if (path.startsWith('s3://')) return path;
  const below = relative(process.cwd(), path);
  return below.startsWith('..') ? path : below;
}
