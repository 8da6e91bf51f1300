import type { RejectedInput } from '../../lib/jobs/run/reject-input.ts';
import type { JobResult } from '../../lib/jobs/run/run-jobs.ts';
import type { LooseResult } from '../../lib/jobs/run/run-loose-elements.ts';
import { type Distribution, meanOf, type Metrics } from '../../lib/telemetry/metrics.ts';
import type { FailureGroup, FailureGroups } from '../../lib/jobs/report/failure-groups.ts';
import { type JobEnds, jobEnds } from './job-ends.ts';
import { addUsage, type TokenUsage } from '../../lib/remote/token-usage.ts';
import { bottleneckOf, type RunClock, type TimeSpent } from './time-spent.ts';

/** Output of `fabric run --json`. */
export interface RunSummary extends JobEnds {
  readonly pipeline: string;
  readonly output: string;
  readonly total: number;
  readonly succeeded: number;
  readonly failed: number;
  /** Elements of the total whose outcomes an earlier run had committed. */
  readonly resumed: number;
  readonly failedByStage: Readonly<Record<string, number>>;
  /** Inputs that could not be run, and why. Also in the output, as `_rejected/<pipeline>/<name>.json`. */
  readonly rejected: readonly RejectedInput[];
  /** Failures by reason, the largest group first, and the number of failures beyond the kept reasons. */
  readonly failureGroups: readonly FailureGroup[];
  readonly otherFailures: number;
  readonly elapsedSecs: number;
  /** Speed of this run, without the outcomes of earlier runs. */
  readonly elementsPerSec: number;
  /** Where the time of this run went. */
  readonly spent: TimeSpent;
  /** The longest part of the time, in words. */
  readonly bottleneck: string;
  /** Number of batches, and the mean, minimum and maximum of their elements. */
  readonly batchSizes: {
    readonly batches: number;
    readonly mean: number;
    readonly min: number;
    readonly max: number;
  } | null;
  /** Elements that were read straight into tensors, without a value of their own. Includes outcomes of earlier runs. */
  readonly packed: number;
  /** Mean seconds that a model took to load. */
  readonly modelLoadSecs: number | null;
  /** Number of times that a copy of a model was loaded, and evicted from memory to make room. */
  readonly modelLoads: number;
  readonly modelEvictions: number;
  /** Requests to endpoints; null if the pipeline sent none. */
  readonly requests: {
    readonly made: number;
    /** Requests that were refused because there were too many. They were sent again and do not count as tries. */
    readonly throttled: number;
    /** Requests that were sent again because they failed. */
    readonly retried: number;
    readonly meanMillis: number | null;
    /** Total seconds that requests waited for their turn. */
    readonly waitedSecs: number;
  } | null;
  /** Tokens that remote models counted, including outcomes of earlier runs; absent if no model did. */
  readonly usage?: TokenUsage;
  /** Full digests of the models that made the predictions, by the label that result lines show. */
  readonly models: Readonly<Record<string, string>>;
  /** Results folders; for an input that is one element, its result file. */
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
  readonly clock: RunClock;
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
    ...timing(facts),
    elementsPerSec: Math.round((total - resumed) / (elapsedMillis / 1000)),
    batchSizes: batchSizes(metrics.distribution('inference_request_batch_size')),
    packed: notes.reduce((sum, { measures }) => sum + (measures?.packed ?? 0), 0),
    modelLoadSecs: loads === undefined ? null : rounded(meanOf(loads) / 1000, 3),
    modelLoads: loads?.count ?? 0,
    modelEvictions: metrics.counter('model_evictions'),
    requests: requests(metrics),
    ...usageOf([...notes, ...loose]),
    models: Object.assign({}, ...[...notes, ...loose].map((part) => part.models)) as Record<string, string>,
    results: [...results.map((result) => result.folder), ...loose.map((result) => result.path)],
  };
}

/** Returns the seconds in which models ran batches, those at the same time all counted. */
export function inferenceSecsOf(metrics: Metrics): number {
  const micros = metrics.distribution('inference_batch_latency_micro_secs')?.sum ?? 0;
  const millis = metrics.distribution('endpoint_latency_milli_secs')?.sum ?? 0;
  return micros / 1e6 + millis / 1e3;
}

function timing({ clock, metrics, elapsedMillis }: RunFacts): Pick<RunSummary, 'spent' | 'bottleneck'> {
  const spent = clock.spent(inferenceSecsOf(metrics));
  return { spent, bottleneck: bottleneckOf(spent, elapsedMillis / 1000) };
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
