import { cpus } from 'node:os';
import type { Pipeline } from '../../lib/config/pipeline.ts';
import { asksEndpoints, pipelineModels } from '../../lib/config/pipeline-models.ts';
import { formatOf } from '../../lib/formats/registry.ts';
import { compare, type Comparison } from './costs/comparison.ts';
import type { Prices } from './costs/prices.ts';
import type { Workload } from './costs/workload.ts';
import { isRemote } from '../../lib/remote/remote-model-handler.ts';
import { meanOf, type Metrics } from '../../lib/telemetry/metrics.ts';
import { notesOf } from './notes.ts';
import type { MeasuredFigures } from './work-meter.ts';
import type { Sample } from './run-sample.ts';
import type { SampleInput } from './sample-input.ts';
import type { SeenFailure } from './seen-outcomes.ts';
import { type Measured, undisturbedSecs } from './work-meter.ts';

/** What `fabric run --estimate --json` prints. */
export interface Estimate {
  readonly pipeline: string;
  readonly input: { readonly elements: number; readonly isExact: boolean; readonly bundles: number };
  readonly machine: { readonly processor: string; readonly cores: number; readonly workers: number };
  readonly sample: {
    /** Each counted once, though it may have been run more than once. */
    readonly elements: number;
    readonly failed: number;
    readonly failedByStage: Readonly<Record<string, number>>;
    /** The first of each kind. */
    readonly failures: readonly SeenFailure[];
    /** The first lines of results. */
    readonly predictions: readonly unknown[];
    readonly isRepeated: boolean;
  };
  /** Null where no element came through a model. */
  readonly measured: MeasuredFigures | null;
  /** Mean seconds that a model took to load, where one was. */
  readonly modelLoadSecs: number | null;
  /** From the engine's start until the models were there, as if nothing else had run, and the CPU seconds that it took. */
  readonly startSecs: number;
  readonly startCpuSecs: number;
  /** Of the engine and its model hosts together. */
  readonly peakMemoryMb: number;
  /** Inferences by what they ran on, of models that asked for a device. */
  readonly inferencesOn: Readonly<Record<string, number>>;
  /** Requests that were made to endpoints. */
  readonly requests: number;
  /** Null where nothing was measured. */
  readonly costs: (Comparison & { readonly prices: string }) | null;
  /** What to know of these figures. */
  readonly notes: readonly string[];
}

export interface EstimateFacts {
  readonly pipelineName: string;
  readonly pipeline: Pipeline;
  readonly input: SampleInput;
  readonly sample: Sample;
  readonly metrics: Metrics;
  readonly cores: number;
  /** The start of the engine. */
  readonly start: Measured;
  readonly prices: { readonly dollars: Prices; /** Where they are from. */ readonly of: string };
}

const PROVIDERS = ['tensorrt', 'cuda', 'webgpu', 'cpu'] as const;
/** Below this share of its cores, an engine waits for something else. */
const BUSY_SHARE = 0.5;

export function estimate(facts: EstimateFacts): Estimate {
  const { pipelineName, pipeline, input, sample, metrics, cores, start, prices } = facts;
  const { tally, failures, predictions } = sample.seen;
  const loads = metrics.distribution('load_model_latency_milli_secs');
  const measured = tally.succeeded === 0 ? null : figuresOf(sample);
  const ranOn = inferencesOn(metrics);
  const isOnGpu = Object.keys(ranOn).some((provider) => provider !== 'cpu');
  const reckoned = measured === null ? undefined : reckon(measured, isOnGpu, facts);
  const requests = metrics.counter('endpoint_requests');
  return {
    pipeline: pipelineName,
    input: { elements: input.elements, isExact: input.isExact, bundles: input.bundleCount },
    machine: { processor: cpus()[0]?.model.trim() ?? 'unknown', cores: cpus().length, workers: cores },
    sample: {
      elements: tally.total,
      failed: tally.failed,
      failedByStage: tally.failedByStage,
      failures,
      predictions: predictions.map((line) => JSON.parse(line) as unknown),
      isRepeated: sample.isRepeated,
    },
    measured,
    modelLoadSecs: loads === undefined ? null : meanOf(loads) / 1000,
    ...startOf(start),
    peakMemoryMb: Math.round(sample.peakMemoryBytes / 1024 ** 2),
    inferencesOn: ranOn,
    requests,
    costs: reckoned === undefined ? null : { ...reckoned.comparison, prices: prices.of },
    notes: notesOf({
      pipeline,
      sampled: tally,
      measured,
      reckoned,
      isOnGpu,
      requests,
      batches: sample.isCut ? (metrics.distribution('inference_request_batch_size')?.count ?? null) : null,
      modelBytes: metrics.distribution('model_byte_size')?.max ?? 0,
      isLoose: input.isLoose,
    }),
  };
}

function reckon(measured: MeasuredFigures, isOnGpu: boolean, facts: EstimateFacts) {
  const workload = workloadOf(measured, isOnGpu, facts);
  const models = pipelineModels(facts.pipeline);
  const comparison = compare(workload, {
    compute: facts.pipeline.compute,
    elements: facts.input.elements,
    isOnGpu,
    hasOwnModel: models.some(({ handler }) => !isRemote(handler)),
    engineCpuSecsPerElement: measured.engineCpuSecsPerElement,
    prices: facts.prices.dollars,
  });
  return { workload, comparison };
}

function figuresOf({ measured }: Sample): MeasuredFigures | null {
  const { elements, secs, cpuSecs, engineCpuSecs, othersShare } = measured;
  if (elements === 0) return null;
  return {
    secs,
    elementsPerSec: elements / secs,
    cpuSecsPerElement: cpuSecs / elements,
    engineCpuSecsPerElement: engineCpuSecs / elements,
    othersShare,
  };
}

function workloadOf(
  measured: MeasuredFigures,
  isOnGpu: boolean,
  { pipeline, input, sample, cores, start }: EstimateFacts,
): Workload {
  const { cpuSecsPerElement, othersShare } = measured;
  const secs = 1 / measured.elementsPerSec;
  // What waits for something else waits as long on a quiet machine.
  const isKnownToWait = isOnGpu || asksEndpoints(pipeline);
  const wallSecsPerElement = isKnownToWait ? secs : undisturbedSecs({ secs, othersShare });
  const { total, failed } = sample.seen.tally;
  const isObject = formatOf(pipeline.input.format).holds === 'one';
  return {
    cpuSecsPerElement,
    wallSecsPerElement,
    cores,
    isWaiting: isKnownToWait || cpuSecsPerElement < BUSY_SHARE * cores * wallSecsPerElement,
    ...startOf(start),
    peakMemoryMb: sample.peakMemoryBytes / 1024 ** 2,
    elementsPerBundle: input.elementsPerBundle,
    failedShare: total === 0 ? 0 : failed / total,
    readsPerElement: isObject ? 1 : 0,
    writesPerElement: input.isLoose ? 1 : 0,
  };
}

function startOf(start: Measured): Pick<Workload, 'startSecs' | 'startCpuSecs'> {
  return { startSecs: undisturbedSecs(start), startCpuSecs: start.cpuSecs };
}

function inferencesOn(metrics: Metrics): Readonly<Record<string, number>> {
  const counts = PROVIDERS.map((name) => [name, metrics.counter(`num_inferences_on_${name}`)] as const);
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}
