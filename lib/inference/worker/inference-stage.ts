import { isKeyed } from '../../models/keyed-model-handler.ts';
import { unwrapHandler } from '../../models/model-handler.ts';
import { KeyedStage } from './keyed/keyed-stage.ts';
import { type InferenceStageOptions, SingleModelStage } from './single-model-stage.ts';
import type { Pages, WorkItem } from './work-item.ts';

/**
 * Takes elements through a `runInference` step: preprocess, batch, infer, postprocess. They go in and come out in input
 * order; those that have their outcome pass through.
 */
export function runInferenceStage(
  upstream: Pages,
  options: InferenceStageOptions,
): AsyncGenerator<readonly WorkItem[]> {
  const { handler } = unwrapHandler(options.step.handler);
  const stage = isKeyed(handler) ? new KeyedStage(handler, options) : new SingleModelStage(handler, options);
  return stage.run(upstream);
}
