import type { Pipeline } from '../config/fabric.ts';
import { unwrapHandler } from '../models/model-handler.ts';

/** Names the stages of a step: alone in its pipeline as they are, otherwise `step[1].inference`. */
export function stageName(pipeline: Pipeline, step: number, stage: string): string {
  return pipeline.steps.length === 1 ? stage : `step[${step}].${stage}`;
}

/** The stages at which functions run (at `inference` those that measure an element), in order; a worker's progress names one by its index here. */
export function functionStages(pipeline: Pipeline): readonly string[] {
  return pipeline.steps.flatMap((step, index) => {
    if (step.kind === 'map') return [stageName(pipeline, index, 'map')];
    const { preprocessFns, postprocessFns } = unwrapHandler(step.handler);
    return [
      ...preprocessFns.map((_, i) => stageName(pipeline, index, `preprocess[${i}]`)),
      stageName(pipeline, index, 'inference'),
      ...postprocessFns.map((_, i) => stageName(pipeline, index, `postprocess[${i}]`)),
    ];
  });
}
