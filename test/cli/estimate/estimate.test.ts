import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { estimate, type Estimate, type EstimateFacts } from '../../../cli/estimate/estimate.ts';
import { estimateReport } from '../../../cli/estimate/estimate-report.ts';
import { SeenOutcomes } from '../../../cli/estimate/seen-outcomes.ts';
import { type Compute, container, lambda } from '../../../lib/config/compute.ts';
import { defineFabric } from '../../../lib/config/fabric.ts';
import { pipelineNamed } from '../../../lib/config/load-config.ts';
import { runInference } from '../../../lib/config/steps.ts';
import { PRICES } from '../../../cli/estimate/costs/prices.ts';
import { OnnxModelHandler } from '../../../lib/models/onnx-model-handler.ts';
import { type CounterName, Metrics } from '../../../lib/telemetry/metrics.ts';

const MEBIBYTE = 1024 ** 2;

interface Differences extends Partial<Omit<EstimateFacts, 'sample' | 'metrics' | 'pipeline'>> {
  readonly compute?: Compute;
  readonly format?: 'jsonl' | 'images';
  readonly peakMemoryMb?: number;
  readonly modelMb?: number;
  readonly batches?: number;
  readonly counters?: Partial<Record<CounterName, number>>;
  readonly measured?: Partial<EstimateFacts['sample']['measured']>;
}

/** Ten seconds of 1,000 elements/s on one core. */
function estimated(differences: Differences = {}): Estimate {
  const {
    compute = lambda(),
    format = 'jsonl',
    peakMemoryMb = 300,
    modelMb = 1,
    batches = 100,
    counters = {},
    ...facts
  } = differences;
  const handler = new OnnxModelHandler({ modelUri: 'model.onnx' });
  const fabric = defineFabric({ pipelines: { one: { input: { format }, steps: [runInference(handler)], compute } } });
  const seen = new SeenOutcomes();
  const results = new TextEncoder().encode('{"id":"a","prediction":1}\n');
  seen.add({ results, errors: new Uint8Array(), elements: 1, succeeded: 1, failed: {}, models: {} });
  const metrics = new Metrics();
  metrics.record('load_model_latency_milli_secs', 500);
  metrics.record('model_byte_size', modelMb * MEBIBYTE);
  for (let batch = 0; batch < batches; batch += 1) metrics.record('inference_request_batch_size', 32);
  for (const [name, count] of Object.entries(counters)) metrics.add(name as CounterName, count);
  const quiet = { elements: 10_000, secs: 10, cpuSecs: 10, engineCpuSecs: 2, othersShare: 0 };
  const measured = { ...quiet, ...differences.measured };
  return estimate({
    pipelineName: 'one',
    pipeline: pipelineNamed(fabric, 'one'),
    input: { bundles: [], elements: 1e6, isExact: false, bundleCount: 100, elementsPerBundle: 10_000, isLoose: false },
    cores: 1,
    start: { elements: 0, secs: 1, cpuSecs: 1, engineCpuSecs: 0.5, othersShare: 0 },
    prices: { dollars: PRICES, of: 'made up' },
    ...facts,
    sample: { seen, measured, peakMemoryBytes: peakMemoryMb * MEBIBYTE, isRepeated: true, isCut: true },
    metrics,
  });
}

function notesOf(differences: Differences): readonly string[] {
  return estimated(differences).notes;
}

/** What is said of GPUs where so many CPU seconds of the ten were not the model's. */
function saidOfGpus(engineCpuSecs: number): string {
  const lines = estimateReport(estimated({ measured: { engineCpuSecs } }), 1000).split('\n');
  return lines.find((line) => line.startsWith('No GPU')) ?? '';
}

describe('an estimate', () => {
  test('has figures for the GPU that the model ran on, and then none for CPUs', () => {
    const { costs, inferencesOn, notes } = estimated({
      compute: container({ gpus: 1 }),
      counters: { num_inferences_on_cuda: 10_000 },
      measured: { cpuSecs: 3 },
    });
    expect(inferencesOn).toEqual({ cuda: 10_000 });
    expect(costs?.places.map(({ kind, figures }) => [kind, figures?.secsPerElement])).toEqual([
      ['gpu', 0.001],
      ['gpu', 0.001],
      ['gpu', 0.001],
    ]);
    expect(notes).toEqual([expect.stringMatching(/^the model ran on this machine's GPU: /)]);
  });

  test('has none for a GPU where the model fell back to the CPU', () => {
    const { costs } = estimated({ counters: { num_inferences_on_cpu: 10_000 } });
    expect(costs?.places.map(({ kind, figures }) => `${kind} ${figures !== undefined}`)).toEqual([
      'lambda true',
      'lambda true',
      'cpu true',
      'gpu false',
      'gpu false',
      'gpu false',
    ]);
  });

  test('takes what other programs had of the machine out of the time, but not out of time spent waiting', () => {
    const busy = estimated({ measured: { secs: 20, othersShare: 0.5 } });
    const quiet = estimated();
    expect(busy.costs?.places[0]?.figures?.secsPerElement).toBe(quiet.costs?.places[0]?.figures?.secsPerElement);
    expect(busy.notes).toEqual([expect.stringMatching(/^other processes used 50% of this machine; /)]);
    const onGpu = estimated({
      measured: { secs: 20, othersShare: 0.5 },
      counters: { num_inferences_on_cuda: 1 },
    });
    expect(onGpu.costs?.places[0]?.figures?.secsPerElement).toBe(0.002);
  });

  test('says which limits of Lambda the pipeline meets', () => {
    expect(notesOf({ peakMemoryMb: 3000 })).toEqual([
      'the pipeline used 3,000 MB here, more than memoryMb: 2048; Lambda costs assume 3,008 MB',
    ]);
    expect(notesOf({ peakMemoryMb: 12_000 })).toEqual([
      'the pipeline used 12,000 MB here, but a function can have at most 10,240 MB: Lambda is not included',
    ]);
    expect(notesOf({ compute: lambda({ timeoutSecs: 30, memoryMb: 885 }), measured: { cpuSecs: 100 } })).toEqual([
      expect.stringMatching(
        /^a full bundle takes longer on Lambda \(3 min\) than the timeout \(30 s\): .*input\.bundleBytes/,
      ),
    ]);
    expect(notesOf({ modelMb: 300 })).toEqual([
      expect.stringMatching(/^a model of 300 MB is too large for a function's code/),
    ]);
  });

  test('says that it knows little, where there were few batches', () => {
    expect(notesOf({ batches: 3 })).toEqual([expect.stringMatching(/^models ran only 3 batches: .*--sample-secs/)]);
  });

  test('has no names that docs/choosing.md does not list', async () => {
    const docs = await readFile(new URL('../../../docs/choosing.md', import.meta.url), 'utf8');
    const listed = docs.slice(docs.indexOf('With `--json`'), docs.indexOf('## What is reckoned'));
    const made = estimated();
    const [arm] = made.costs?.places ?? [];
    const gpu = made.costs?.places.at(-1);
    const { input, machine, sample, measured, costs } = made;
    const objects = [made, input, machine, sample, measured, costs, arm, gpu, arm?.figures, gpu?.task, gpu?.pays];
    for (const object of objects) {
      expect(object).toBeTruthy();
      for (const name of Object.keys(object ?? {})) expect(listed).toMatch(new RegExp(`\\b${name}\\b`));
    }
  });

  test('says which containers are too large to be compared', () => {
    expect(notesOf({ compute: container({ gpus: 1, cpu: 8 }) })).toEqual([
      expect.stringMatching(/^containers with GPUs are not included: a task of 8 vCPUs and 12,288 MB does not fit/),
    ]);
    expect(notesOf({ compute: container({ cpu: 100 }) })).toEqual([
      expect.stringMatching(/^containers without GPUs are not included: a task of 100 vCPUs and 6,144 MB does not fit/),
    ]);
  });

  test('says that images which come one by one cost more', () => {
    expect(estimated({ format: 'images' }).notes).toEqual([expect.stringMatching(/\$5\.00 more per million$/)]);
  });

  test('says where a GPU can not be cheaper, as what runs beside the model is too slow, and where it can', () => {
    // Three vCPUs do what takes three CPU seconds in one.
    expect(saidOfGpus(5)).toMatch(/That is impossible: .* keep up with at most 6 such cores\.$/);
    expect(saidOfGpus(2)).toMatch(/But .* keep up with at most 15 such cores\.$/);
    expect(saidOfGpus(0.1)).not.toMatch(/at most/);
  });
});
