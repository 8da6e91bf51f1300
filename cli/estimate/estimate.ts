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

/** Output of `fabric run --estimate --json`. */
export interface Estimate {
  readonly pipeline: string;
  readonly input: { readonly elements: number; readonly isExact: boolean; readonly bundles: number };
  readonly machine: { readonly processor: string; readonly cores: number; readonly workers: number };
  readonly sample: {
    /** Number of elements. Each is counted once, even if it ran several times. */
    readonly elements: number;
    readonly failed: number;
    readonly failedByStage: Readonly<Record<string, number>>;
    /** The first failure of each kind. */
    readonly failures: readonly SeenFailure[];
    /** The first lines of results. */
    readonly predictions: readonly unknown[];
    readonly isRepeated: boolean;
  };
  /** Figures of the sample; null if no element succeeded. */
  readonly measured: MeasuredFigures | null;
  /** Mean seconds to load a model; null if none was loaded. */
  readonly modelLoadSecs: number | null;
  /** Seconds and CPU seconds from the start of the engine until its models were loaded, without the share of other processes. */
  readonly startSecs: number;
  readonly startCpuSecs: number;
  /** Peak memory of the engine and its model hosts together. */
  readonly peakMemoryMb: number;
  /** Inferences by execution provider, of models that requested a device. */
  readonly inferencesOn: Readonly<Record<string, number>>;
  /** Number of requests to endpoints. */
  readonly requests: number;
  /** Costs in each kind of place; null if nothing was measured. */
  readonly costs: (Comparison & { readonly prices: string }) | null;
  /** Notes on these figures. */
  readonly notes: readonly string[];
}

export interface EstimateFacts {
  readonly pipelineName: string;
  readonly pipeline: Pipeline;
  readonly input: SampleInput;
  readonly sample: Sample;
  readonly metrics: Metrics;
  readonly cores: number;
  /** Measurement of the start of the engine. */
  readonly start: Measured;
  readonly prices: { readonly dollars: Prices; /** Source of the prices. */ readonly of: string };
}

const PROVIDERS = ['tensorrt', 'cuda', 'webgpu', 'cpu'] as const;
/** An engine that uses less than this share of its cores is waiting for something else. */
const BUSY_SHARE = 0.5;

export function estimate(facts: EstimateFacts): Estimate {
  const { pipelineName, pipeline, input, sample, metrics, cores, start, prices } = facts;
  const { tally, failures, predictions } = sample.seen;
  const loads = metrics.distribution('load_model_latency_milli_secs');
  const measured = tally.succeeded === 0 ? null : figuresOf(sample);
  const ranOn = inferencesOn(metrics);
  const isOnGpu = Object.keys(ranOn).some((provider) => provider !== 'cpu');
  const costed = measured === null ? undefined : computeCosts(measured, isOnGpu, facts);
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
    costs: costed === undefined ? null : { ...costed.comparison, prices: prices.of },
    notes: notesOf({
      pipeline,
      sampled: tally,
      measured,
      costed,
      isOnGpu,
      requests,
      batches: sample.isCut ? (metrics.distribution('inference_request_batch_size')?.count ?? null) : null,
      modelBytes: metrics.distribution('model_byte_size')?.max ?? 0,
      isLoose: input.isLoose,
    }),
  };
}

function computeCosts(measured: MeasuredFigures, isOnGpu: boolean, facts: EstimateFacts) {
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
  // Waiting for a GPU or an endpoint takes as long on an idle machine.
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
