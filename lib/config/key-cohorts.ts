import { isKeyed } from '../models/keyed-model-handler.ts';
import { unwrapHandler } from '../models/model-handler.ts';
import type { Pipeline } from './pipeline.ts';
import { pipelineModels } from './pipeline-models.ts';

/**
 * The keys that share a model in the first keyed step of a pipeline, in the order in which they are best run. Keys that are
 * in no cohort come behind them, so the default key's cohort, whose model takes those, is the last; none where no step is keyed.
 */
export function keyCohorts(pipeline: Pick<Pipeline, 'steps'>): readonly (readonly string[])[] {
  const handlers = pipelineModels(pipeline).map(({ step }) => unwrapHandler(step.handler).handler);
  const keyed = handlers.find(isKeyed);
  if (keyed === undefined) return [];
  const { defaultKey } = keyed.options;
  const isDefault = (keys: readonly string[]): number => Number(defaultKey !== undefined && keys.includes(defaultKey));
  const cohorts = keyed.mappings.map(({ keys }) => keys);
  return cohorts.toSorted((one, other) => isDefault(one) - isDefault(other));
}
