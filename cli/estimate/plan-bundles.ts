import { join } from 'node:path';
import type { Pipeline } from '../../lib/config/pipeline.ts';
import type { Bundle } from '../../lib/inference/bundle.ts';
import { bundleOf, type Job } from '../../lib/jobs/job.ts';
import { looseId } from '../../lib/jobs/run/foreign-files.ts';
import { planJob } from '../../lib/jobs/run/plan-job.ts';
import type { RunInput } from '../../lib/jobs/run/run-input.ts';
import { locationOf } from '../../lib/stores/open-source.ts';

export interface PlanBundlesOptions {
  readonly pipeline: Pipeline;
  readonly pipelineName: string;
  /** Maximum number of elements, from the first on. */
  readonly limit: number | undefined;
  /** Folder for inputs that have to be decompressed or grouped. */
  readonly staging: string;
  readonly signal: AbortSignal;
  /** Called with the current operation and the share of it that is done, from 0 to 1. */
  readonly onProgress: (operation: string, share: number) => void;
}

/** Plans the bundles of an input whose results will not be written. */
export async function planBundles(
  input: RunInput,
  options: PlanBundlesOptions,
): Promise<{ readonly job: Job; readonly bundles: readonly Bundle[] }> {
  const { pipeline, pipelineName, limit, staging, signal } = options;
  const chunkPath = (id: string, bundle: number): string => join(staging, id, String(bundle));
  const job = await planJob(input, {
    pipeline,
    pipelineName,
    limit,
    chunkPath,
    signal,
    onGrouping: (name, share) => options.onProgress(`grouping ${name} by key`, share),
  });
  return { job, bundles: Array.from({ length: job.of }, (_, index) => bundleOf(job, index, chunkPath(job.id, index))) };
}

/** Returns the bundles of objects that are one element each. Objects share bundles as in a run. */
export function looseBundles(inputs: readonly RunInput[], { input: { bundleElements } }: Pipeline): readonly Bundle[] {
  const objects = inputs.map((input) => ({ ...locationOf(input), id: looseId(input.name), path: input.name }));
  return Array.from({ length: Math.ceil(objects.length / bundleElements) }, (_, index) => {
    const own = objects.slice(index * bundleElements, (index + 1) * bundleElements);
    return { name: '', source: { kind: 'objects', objects: own, firstIndex: 0 }, address: {} } as const;
  });
}
