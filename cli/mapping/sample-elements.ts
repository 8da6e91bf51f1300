import { defineFabric } from '../../lib/config/fabric.ts';
import { pipelineNamed } from '../../lib/config/load-config.ts';
import { map } from '../../lib/config/steps.ts';
import { decompressedSource, openObject } from '../../lib/formats/compression.ts';
import { bundleCount, bundleRange } from '../../lib/formats/plan.ts';
import { planObject } from '../../lib/formats/plan-object.ts';
import { elementsFormat, formatOf } from '../../lib/formats/registry.ts';
import { openSource } from '../../lib/stores/open-source.ts';
import type { DetectedInput } from './detect-format.ts';

/** Number of elements to look at. */
const SAMPLE_ELEMENTS = 20;

/** Reads the first elements of an input; empty if its objects are one element each. Elements that can't be read are left out. */
export async function sampleElements(uri: string, detected: DetectedInput): Promise<readonly unknown[]> {
  if (formatOf(detected.format).holds === 'one') return [];
  const fabric = defineFabric({ pipelines: { sample: { input: detected, steps: [map((value) => value)] } } });
  const { input } = pipelineNamed(fabric, 'sample');
  await using opened = await openSource({ uri });
  const { source, compression } = await openObject(opened, uri);
  const compressed = compression === undefined ? {} : { compression, stage: keepNothing };
  const plan = await planObject(source, input, { ...compressed, limit: SAMPLE_ELEMENTS });
  if (bundleCount(plan) === 0) return [];
  const readable = compression === undefined ? source : decompressedSource(source, compression);
  const sample: unknown[] = [];
  const { read } = elementsFormat(input.format);
  for await (const page of read({ source: readable, range: bundleRange(plan, 0), input })) {
    for (const { input: element, failure } of page) if (failure === undefined) sample.push(element);
    if (sample.length >= SAMPLE_ELEMENTS) break;
  }
  return sample.slice(0, SAMPLE_ELEMENTS);
}

/** A sample is read from the object itself, so its uncompressed bytes are not staged. */
async function keepNothing(): Promise<void> {}
