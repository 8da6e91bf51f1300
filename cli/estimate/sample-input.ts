import { stat } from 'node:fs/promises';
import type { Pipeline } from '../../lib/config/pipeline.ts';
import { groupsByKey } from '../../lib/config/group-by-key.ts';
import { openObject } from '../../lib/formats/compression.ts';
import { planningInput } from '../../lib/config/pipeline-fields.ts';
import { planObject } from '../../lib/formats/plan-object.ts';
import { rangeBytes } from '../../lib/formats/plan.ts';
import { elementsFormat } from '../../lib/formats/registry.ts';
import type { Bundle } from '../../lib/inference/bundle.ts';
import { readBundle } from '../../lib/inference/worker/read-bundle.ts';
import type { Job } from '../../lib/jobs/job.ts';
import type { RunInput } from '../../lib/jobs/run/run-input.ts';
import { isS3Uri, locationOf, openSource } from '../../lib/stores/open-source.ts';
import { compressedBytesPerByte } from './compressed-bytes.ts';
import { looseBundles, planBundles, type PlanBundlesOptions } from './plan-bundles.ts';
import { spread } from './spread.ts';

export interface SampleInputOptions extends PlanBundlesOptions {
  /** Maximum number of elements of each input. */
  readonly limit: number | undefined;
}

/** Bundles of the inputs that can be run, and the size of all inputs. */
export interface SampleInput {
  /** Bundles spread over the inputs; the first is the first of the first input. */
  readonly bundles: readonly Bundle[];
  /** Elements of all inputs: counted if `isExact`, otherwise estimated. */
  readonly elements: number;
  readonly isExact: boolean;
  /** Number of bundles of all inputs. */
  readonly bundleCount: number;
  /** Elements of a full bundle, as larger inputs have. */
  readonly elementsPerBundle: number;
  /** True if inputs are single objects that are one element each. */
  readonly isLoose: boolean;
}

/** The planned part of an input. The whole input is `scale` times as large. */
interface Planned {
  readonly bundles: readonly Bundle[];
  readonly scale: number;
  /** Maximum number of elements of the input. */
  readonly limit: number;
  /** Weight of the input among all inputs. */
  readonly weight: number;
  readonly isWhole: boolean;
}

/** Objects that can't be split without reading them are planned as a whole up to this size; of larger ones, the first elements. */
const FIRST_PASS_BYTES = 32 * 1024 * 1024;
const FIRST_PASS_ELEMENTS = 100_000;
/** Maximum seconds for planning inputs, and for counting elements. */
const PLANNING_SECS = 5;
const COUNTING_SECS = 3;

/** Plans the inputs and counts their elements. If time runs out, the rest is estimated from those that were done. */
export async function sampleInput(inputs: readonly RunInput[], options: SampleInputOptions): Promise<SampleInput> {
  const { pipeline, limit } = options;
  const loose = inputs.filter(({ kind }) => kind === 'element').slice(0, limit);
  const others = inputs.filter(({ kind }) => kind !== 'element');
  const planned = await planSome(others, options);
  if (loose.length > 0)
    planned.push({ bundles: looseBundles(loose, pipeline), scale: 1, limit: Infinity, weight: 0, isWhole: true });
  const weights = await weigh(others);
  const plannedWeight = planned.reduce((sum, { weight }) => sum + weight, 0);
  const missing = plannedWeight === 0 ? 1 : weights.reduce((sum, weight) => sum + weight, 0) / plannedWeight;
  const counted = await countElements(planned, options);
  const bundles = spread(planned.flatMap(({ bundles }) => bundles));
  const bundleCount = Math.round(counted.bundles * missing);
  const elements = Math.round(counted.elements * missing);
  return {
    bundles,
    elements,
    isExact: counted.isExact && missing === 1,
    bundleCount,
    elementsPerBundle: fullBundle(pipeline, { elements, bundleCount, bytesPerElement: counted.bytesPerElement }),
    isLoose: loose.length > 0,
  };
}

/** Plans inputs in an order in which the planned ones represent all of them, until time runs out. */
async function planSome(inputs: readonly RunInput[], options: SampleInputOptions): Promise<Planned[]> {
  const planned: Planned[] = [];
  const until = performance.now() + PLANNING_SECS * 1000;
  for (const input of spread(inputs)) {
    options.onProgress('planning', planned.length / inputs.length);
    planned.push(await plan(input, options));
    if (performance.now() > until) break;
  }
  return planned;
}

async function plan(input: RunInput, options: SampleInputOptions): Promise<Planned> {
  const { pipeline, limit = Infinity } = options;
  const isCapped = input.kind === 'object' && limit > FIRST_PASS_ELEMENTS && (await needsLongPass(input, pipeline));
  const planLimit = isCapped ? FIRST_PASS_ELEMENTS : limit;
  const { job, bundles } = await planBundles(input, {
    ...options,
    limit: planLimit === Infinity ? undefined : planLimit,
  });
  const share = isCapped ? Math.min(1, await plannedShare(input, job, options)) : 1;
  const [weight = 1] = await weigh([input]);
  return { bundles, scale: 1 / share, limit, weight, isWhole: !isCapped };
}

async function needsLongPass({ uri, ...input }: RunInput, { input: options }: Pipeline): Promise<boolean> {
  const isPlannedUnread = elementsFormat(options.format).plansUnread(options);
  await using opened = await openSource(locationOf({ uri, ...input }));
  const { source, compression } = await openObject(opened, uri);
  if (isPlannedUnread && compression === undefined && !groupsByKey(options)) return false;
  return source.byteLength > FIRST_PASS_BYTES;
}

/** Returns the share of an object that was planned. */
async function plannedShare(input: RunInput, { plan }: Job, options: SampleInputOptions): Promise<number> {
  const { pipeline, signal } = options;
  await using opened = await openSource(locationOf(input));
  const { source, compression } = await openObject(opened, input.uri);
  const isPlain = plan.kind === 'object' && plan.object.kind !== 'grouped';
  const decompressed = compression === undefined ? {} : { compression };
  const planned = isPlain
    ? plan.object
    : await planObject(source, planningInput(pipeline), { ...decompressed, limit: FIRST_PASS_ELEMENTS, signal });
  if (compression === undefined) return planned.byteLength / source.byteLength;
  const perByte = await compressedBytesPerByte(source, compression, { end: planned.byteLength, signal });
  return (planned.byteLength * perByte) / source.byteLength;
}

/** Returns the weight of each input: its bytes if all inputs are files, otherwise 1. */
async function weigh(inputs: readonly RunInput[]): Promise<readonly number[]> {
  if (inputs.some(({ uri, kind }) => isS3Uri(uri) || kind !== 'object')) return inputs.map(() => 1);
  return Promise.all(inputs.map(async ({ uri }) => (await stat(uri)).size));
}

interface Counted {
  readonly elements: number;
  readonly bundles: number;
  readonly isExact: boolean;
  /** Undefined if elements are objects. */
  readonly bytesPerElement: number | undefined;
}

/** Reads bundles for some seconds and counts their elements; those of other bundles are estimated by their bytes. */
async function countElements(planned: readonly Planned[], options: SampleInputOptions): Promise<Counted> {
  const { pipeline, signal, onProgress } = options;
  const until = performance.now() + COUNTING_SECS * 1000;
  const counts = new Map<Bundle, number>();
  let bytes = 0;
  let read = 0;
  const all = spread(planned.flatMap(({ bundles }) => bundles));
  for (const bundle of all) {
    if (bundle.source.kind === 'objects') counts.set(bundle, bundle.source.objects.length);
    else if (performance.now() < until) {
      onProgress('counting', counts.size / all.length);
      let count = 0;
      const readOptions = { input: pipeline.input, signal, hasOutcomes: false };
      for await (const page of readBundle(bundle, readOptions)) count += page.length;
      counts.set(bundle, count);
      bytes += bytesOf(bundle);
      read += count;
    }
  }
  const perByte = bytes === 0 ? 0 : read / bytes;
  const totals = planned.map(({ bundles, scale, limit }) => {
    const own = bundles.reduce((count, bundle) => count + (counts.get(bundle) ?? bytesOf(bundle) * perByte), 0);
    const elements = Math.min(own * scale, limit);
    return { elements, bundles: bundles.length * (own === 0 ? scale : elements / own) };
  });
  return {
    elements: totals.reduce((sum, { elements }) => sum + elements, 0),
    bundles: totals.reduce((sum, { bundles }) => sum + bundles, 0),
    isExact: counts.size === all.length && planned.every(({ isWhole }) => isWhole),
    bytesPerElement: read === 0 ? undefined : bytes / read,
  };
}

function bytesOf({ source }: Bundle): number {
  return source.kind === 'range' || source.kind === 'grouped' ? rangeBytes(source.range) : 0;
}

/** Returns the elements of a full bundle. A single bundle may not be full, so it is computed from the limits. */
function fullBundle(
  { input: { bundleBytes, bundleElements } }: Pipeline,
  facts: { readonly elements: number; readonly bundleCount: number; readonly bytesPerElement: number | undefined },
): number {
  const { elements, bundleCount, bytesPerElement } = facts;
  if (bundleCount > 1) return elements / bundleCount;
  return bytesPerElement === undefined ? bundleElements : Math.max(1, bundleBytes / bytesPerElement);
}
