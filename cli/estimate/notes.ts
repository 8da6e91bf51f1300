import { lambda, LAMBDA_MAX_MEMORY_MB } from '../../lib/config/compute.ts';
import type { Pipeline } from '../../lib/config/pipeline.ts';
import { asksEndpoints, pipelineModels } from '../../lib/config/pipeline-models.ts';
import type { Comparison } from './costs/comparison.ts';
import { lambdaBundleSecs } from './costs/lambda-place.ts';
import type { Workload } from './costs/workload.ts';
import { isS3Uri } from '../../lib/stores/open-source.ts';
import { counted, duration, number, percentage } from '../format/amounts.ts';
import type { MeasuredFigures } from './work-meter.ts';

export interface NotedFacts {
  readonly pipeline: Pipeline;
  readonly sampled: { readonly total: number; readonly succeeded: number };
  readonly measured: MeasuredFigures | null;
  /** Workload and costs; undefined if nothing was measured. */
  readonly costed: { readonly workload: Workload; readonly comparison: Comparison } | undefined;
  /** True if models ran on a GPU. */
  readonly isOnGpu: boolean;
  /** Number of requests to endpoints. */
  readonly requests: number;
  /** Number of batches in a sample that ended by its time; null if it ended because its input did. */
  readonly batches: number | null;
  /** Size of the largest model. */
  readonly modelBytes: number;
  readonly isLoose: boolean;
}

/** Share of other processes from which a note is added. */
const MIN_NOTED_SHARE = 0.15;
/** Batches start with one element. A sample with fewer batches may have ended while they were still growing. */
const MIN_BATCHES = 30;
/** Maximum size of code and model files in Lambda: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const MAX_CODE_MB = 250;

/** Returns notes for the user: what the estimate is based on, and which limits apply. */
export function notesOf(facts: NotedFacts): readonly string[] {
  const { costed, isOnGpu } = facts;
  const notes = [sampleNote(facts), batchesNote(facts), othersNote(facts), ...remoteNotes(facts)];
  if (costed !== undefined) {
    notes.push(...(isOnGpu ? [GPU_NOTE] : lambdaNotes(facts, costed)));
    notes.push(...tooLargeNotes(costed.comparison), looseNote(facts));
  }
  return notes.filter((note) => note !== undefined);
}

const GPU_NOTE =
  "the model ran on this machine's GPU: times are those of an instance with a similar GPU; set device: 'CPU' to see the other places";

function sampleNote({ sampled: { total, succeeded } }: NotedFacts): string | undefined {
  if (total === 0) return 'the input has no elements: nothing was measured';
  if (succeeded > 0) return undefined;
  return `all elements of the sample failed (${number(total)}): there is nothing to estimate from`;
}

function batchesNote({ measured, batches }: NotedFacts): string | undefined {
  if (measured === null || batches === null || batches >= MIN_BATCHES) return undefined;
  return `models ran only ${counted(batches, 'batch', 'batches')}: batches start small and grow, so more --sample-secs may give less time and lower costs`;
}

function othersNote({ pipeline, measured }: NotedFacts): string | undefined {
  // Other processes do not make endpoints slower.
  if (measured === null || measured.othersShare < MIN_NOTED_SHARE || asksEndpoints(pipeline)) return undefined;
  const share = percentage(measured.othersShare);
  return `other processes used ${share} of this machine; their share is subtracted, but an idle machine gives better figures`;
}

function remoteNotes({ pipeline, requests }: NotedFacts): readonly string[] {
  if (!asksEndpoints(pipeline)) return [];
  return [
    `${counted(requests, 'request')} went to endpoints; their charges are not included`,
    'times assume that endpoints serve all runs or tasks at once as fast as they served this one',
  ];
}

function lambdaNotes(
  { pipeline, modelBytes }: NotedFacts,
  { workload, comparison }: NonNullable<NotedFacts['costed']>,
): readonly string[] {
  const { lambdaMemoryMb } = comparison;
  const used = `the pipeline used ${number(Math.round(workload.peakMemoryMb))} MB here`;
  if (lambdaMemoryMb === null) {
    return [`${used}, but a function can have at most ${number(LAMBDA_MAX_MEMORY_MB)} MB: Lambda is not included`];
  }
  const { memoryMb, timeoutSecs } = pipeline.compute.kind === 'lambda' ? pipeline.compute : lambda();
  const notes: string[] = [];
  if (lambdaMemoryMb > memoryMb) {
    notes.push(`${used}, more than memoryMb: ${memoryMb}; Lambda costs assume ${number(lambdaMemoryMb)} MB`);
  }
  const bundleSecs = lambdaBundleSecs(workload, lambdaMemoryMb);
  if (bundleSecs > timeoutSecs) {
    const option = workload.readsPerElement > 0 ? 'bundleElements' : 'bundleBytes';
    notes.push(
      `a full bundle takes longer on Lambda (${duration(bundleSecs)}) than the timeout (${duration(timeoutSecs)}): it continues in further runs, whose starts are not included; a smaller input.${option} avoids this`,
    );
  }
  if (modelBytes > MAX_CODE_MB * 1024 ** 2 && hasLocalModel(pipeline)) {
    notes.push(
      `a model of ${number(Math.round(modelBytes / 1024 ** 2))} MB is too large for a function's code (${MAX_CODE_MB} MB in total): store it in S3, as modelUri: 's3://…'`,
    );
  }
  return notes;
}

function tooLargeNotes({ tooLarge }: Comparison): readonly string[] {
  return Object.entries(tooLarge).map(([kind, { cpu, memoryMb }]) => {
    const containers = kind === 'gpu' ? 'containers with GPUs' : 'containers without GPUs';
    return `${containers} are not included: a task of ${number(cpu)} vCPUs and ${number(Math.round(memoryMb))} MB does not fit on any instance type of this comparison`;
  });
}

function hasLocalModel(pipeline: Pipeline): boolean {
  return pipelineModels(pipeline).some(
    ({ handler: { modelFiles } }) => modelFiles?.isFetched === true && !isS3Uri(modelFiles.uri),
  );
}

function looseNote({ isLoose, costed }: NotedFacts): string | undefined {
  if (!isLoose && costed?.workload.readsPerElement === 1) {
    return 'objects that are dropped one by one, not as a folder with a manifest, get one result object each: $5.00 more per million';
  }
  return undefined;
}
