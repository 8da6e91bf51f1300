import { pipelineModels } from '../../config/pipeline-models.ts';
import type { InferenceEngine } from '../../inference/engine/engine.ts';

/** Beside those that workers work on, bundles whose reading starts when a worker has read the one before, or that are being committed. */
const LEAST_AHEAD = 2;
const MOST_AHEAD = 8;
/** Bundles that take longer are a second or two behind for a download at most, and idle tasks could have what is taken ahead. */
const LONG_MILLIS = 30_000;
const AHEAD_OF_LONG = 1;
/** Where batches go across bundles, those that make them together. */
const SHARED_PER_WORKER = 10;

/**
 * How many bundles a consumer takes at once, so that engines hardly wait for downloads, and little is taken that others could
 * start sooner.
 *
 * @param lastTookMillis - the bundle that ended last, from its receive on. Default: none has; they are taken for long ones.
 */
export function bundlesAtOnce(
  { workers, pipeline }: Pick<InferenceEngine, 'workers' | 'pipeline'>,
  lastTookMillis = Infinity,
): number {
  const ahead = lastTookMillis > LONG_MILLIS ? AHEAD_OF_LONG : Math.min(MOST_AHEAD, Math.max(LEAST_AHEAD, workers));
  const sharesBatches = pipelineModels(pipeline).some(
    ({ handler }) => handler.options.maxBatchDurationSecs !== undefined,
  );
  return ahead + workers * (sharesBatches ? SHARED_PER_WORKER : 1);
}
