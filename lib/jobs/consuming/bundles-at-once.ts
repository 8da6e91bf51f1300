import { pipelineModels } from '../../config/pipeline-models.ts';
import type { InferenceEngine } from '../../inference/engine.ts';

/** Beside those that workers work on, bundles whose reading starts when a worker has read the one before, or that are being committed. */
const LEAST_AHEAD = 2;
const MOST_AHEAD = 8;
/** Where batches go across bundles, those that make them together. */
const SHARED_PER_WORKER = 10;

/** How many bundles a consumer takes at once: no engine waits for a download, and none is taken that others could start sooner. */
export function bundlesAtOnce({ workers, pipeline }: Pick<InferenceEngine, 'workers' | 'pipeline'>): number {
  const ahead = Math.min(MOST_AHEAD, Math.max(LEAST_AHEAD, workers));
  const sharesBatches = pipelineModels(pipeline).some(
    ({ handler }) => handler.options.maxBatchDurationSecs !== undefined,
  );
  return ahead + workers * (sharesBatches ? SHARED_PER_WORKER : 1);
}
