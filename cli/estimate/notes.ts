import { lambda, LAMBDA_MAX_MEMORY_MB } from '../../lib/config/compute.ts';
import type { Pipeline } from '../../lib/config/pipeline.ts';
import { asksEndpoints, pipelineModels } from '../../lib/config/pipeline-models.ts';
import type { Comparison } from './costs/comparison.ts';
import { lambdaBundleSecs } from './costs/lambda-place.ts';
import type { Workload } from './costs/workload.ts';
import { isS3Uri } from '../../lib/stores/open-source.ts';
import { duration, number } from '../format/amounts.ts';
import type { MeasuredFigures } from './work-meter.ts';

export interface NotedFacts {
  readonly pipeline: Pipeline;
  readonly sampled: { readonly total: number; readonly succeeded: number };
  readonly measured: MeasuredFigures | null;
  /** Undefined where there is nothing to reckon with. */
  readonly reckoned: { readonly workload: Workload; readonly comparison: Comparison } | undefined;
  /** Whether models ran on a GPU. */
  readonly isOnGpu: boolean;
  /** Requests that were made to endpoints. */
  readonly requests: number;
  /** Batches that models were asked for; null where there were no more than those, or no model. */
  readonly batches: number | null;
  /** Of the largest model. */
  readonly modelBytes: number;
  readonly isLoose: boolean;
}

/** Of other programs, a share that is worth a word. */
const MUCH = 0.15;
/** Batches start with one element; until there were so many, they may still have grown. */
const FEW_BATCHES = 30;
/** What Lambda takes of code and model files: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const MAX_CODE_MB = 250;

/** What a user has to know of an estimate: what it rests on, and which limits it meets. */
export function notesOf(facts: NotedFacts): readonly string[] {
  const { reckoned, isOnGpu } = facts;
  const notes = [sampleNote(facts), batchesNote(facts), othersNote(facts), ...remoteNotes(facts)];
  if (reckoned !== undefined) {
    notes.push(...(isOnGpu ? [GPU_NOTE] : lambdaNotes(facts, reckoned)));
    notes.push(...tooLargeNotes(reckoned.comparison), looseNote(facts));
  }
  return notes.filter((note) => note !== undefined);
}

const GPU_NOTE =
  "the model ran on this machine's GPU: times are those of an instance whose GPU is like it, and device: 'CPU' shows the others";

function sampleNote({ sampled: { total, succeeded } }: NotedFacts): string | undefined {
  if (total === 0) return 'there are no elements, and nothing was measured';
  if (succeeded > 0) return undefined;
  return `all of the sample failed (${number(total)}): there is nothing to reckon with`;
}

function batchesNote({ measured, batches }: NotedFacts): string | undefined {
  if (measured === null || batches === null || batches >= FEW_BATCHES) return undefined;
  return `models were called ${number(batches)} times only: batches start small and grow, so that more --sample-secs may show less time and lower costs`;
}

function othersNote({ pipeline, measured }: NotedFacts): string | undefined {
  // Waiting takes no longer for them.
  if (measured === null || measured.othersShare < MUCH || asksEndpoints(pipeline)) return undefined;
  const share = Math.round(100 * measured.othersShare);
  return `other programs took ${share} % of this machine meanwhile: they are reckoned out, but a quiet machine says more`;
}

function remoteNotes({ pipeline, requests }: NotedFacts): readonly string[] {
  if (!asksEndpoints(pipeline)) return [];
  return [
    `${number(requests)} requests were made to endpoints; what those charge is in none of these figures`,
    'times hold as long as endpoints take as much from all runs or tasks at once as they did from this one',
  ];
}

function lambdaNotes(
  { pipeline, modelBytes }: NotedFacts,
  { workload, comparison }: NonNullable<NotedFacts['reckoned']>,
): readonly string[] {
  const { lambdaMemoryMb } = comparison;
  const took = `it took ${number(Math.round(workload.peakMemoryMb))} MB here`;
  if (lambdaMemoryMb === null) {
    return [`${took}, and a function has ${number(LAMBDA_MAX_MEMORY_MB)} MB at most: Lambda is left out`];
  }
  const { memoryMb, timeoutSecs } = pipeline.compute.kind === 'lambda' ? pipeline.compute : lambda();
  const notes: string[] = [];
  if (lambdaMemoryMb > memoryMb) {
    notes.push(`${took}, more than memoryMb: ${memoryMb}; Lambda is reckoned with ${number(lambdaMemoryMb)} MB`);
  }
  const bundleSecs = lambdaBundleSecs(workload, lambdaMemoryMb);
  if (bundleSecs > timeoutSecs) {
    const option = workload.readsPerElement > 0 ? 'bundleElements' : 'bundleBytes';
    notes.push(
      `a full bundle takes longer on Lambda (${duration(bundleSecs)}) than a run may (${duration(timeoutSecs)}): it goes on in further runs, whose starts are not in these figures; with a smaller input.${option} one is enough`,
    );
  }
  if (modelBytes > MAX_CODE_MB * 1024 ** 2 && hasLocalModel(pipeline)) {
    notes.push(
      `a model of ${number(Math.round(modelBytes / 1024 ** 2))} MB is too large for a function's code (${MAX_CODE_MB} MB in all): put it in S3, as modelUri: 's3://…'`,
    );
  }
  return notes;
}

function tooLargeNotes({ tooLarge }: Comparison): readonly string[] {
  return Object.entries(tooLarge).map(([kind, { cpu, memoryMb }]) => {
    const what = kind === 'gpu' ? 'containers with GPUs are' : 'containers without GPUs are';
    return `${what} left out: a task of ${number(cpu)} vCPUs and ${number(Math.round(memoryMb))} MB fits on none of the instances that are reckoned with`;
  });
}

function hasLocalModel(pipeline: Pipeline): boolean {
  return pipelineModels(pipeline).some(
    ({ handler: { modelFiles } }) => modelFiles?.isFetched === true && !isS3Uri(modelFiles.uri),
  );
}

function looseNote({ isLoose, reckoned }: NotedFacts): string | undefined {
  if (!isLoose && reckoned?.workload.readsPerElement === 1) {
    return 'objects that are dropped one by one, and not as a folder by a manifest, are each answered by an object: $5.00 more a million';
  }
  return undefined;
}
