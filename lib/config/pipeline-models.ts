import { isKeyed } from '../models/keyed-model-handler.ts';
import { type ModelHandler, unwrapHandler } from '../models/model-handler.ts';
import { isRemote } from '../remote/remote-model-handler.ts';
import type { Pipeline } from './pipeline.ts';
import type { RunInferenceStep, Step } from './steps.ts';

/** One model of a pipeline: a step has one, or where its handler is keyed one for each mapping. */
export interface PipelineModel {
  /** Place of its handler in the pipeline: `steps[0].handler`, `steps[1].branches.b[0].handler.mappings[2].handler`. */
  readonly place: string;
  /** Place of its step: `steps[0]`, `steps[1].branches.b[0]`. */
  readonly stepPlace: string;
  readonly step: RunInferenceStep;
  /** Handler that holds the model, without the functions around it. */
  readonly handler: ModelHandler;
}

/** All models of a pipeline, in the order of its steps; those of one step follow one another in that of its mappings. */
export function pipelineModels({ steps }: Pick<Pipeline, 'steps'>): readonly PipelineModel[] {
  return inferenceSteps(steps, 'steps').flatMap(({ step, place }) => {
    const models = modelsOf(step.handler);
    const isOneOfSeveral = isKeyed(unwrapHandler(step.handler).handler);
    return models.map((handler, mapping) => ({
      place: isOneOfSeveral ? `${place}.handler.mappings[${mapping}].handler` : `${place}.handler`,
      stepPlace: place,
      step,
      handler,
    }));
  });
}

/** Checks whether the pipeline has a model at an endpoint. */
export function asksEndpoints(pipeline: Pick<Pipeline, 'steps'>): boolean {
  return pipelineModels(pipeline).some(({ handler }) => isRemote(handler));
}

/** The handlers that hold the models behind a step's handler. */
export function modelsOf(handler: ModelHandler): readonly ModelHandler[] {
  const inner = unwrapHandler(handler).handler;
  if (!isKeyed(inner)) return [inner];
  return inner.mappings.map((mapping) => unwrapHandler(mapping.handler).handler);
}

interface PlacedStep {
  readonly step: RunInferenceStep;
  readonly place: string;
}

/** The inference steps of a list of steps and of the branches in it. */
function inferenceSteps(steps: readonly Step[], list: string): readonly PlacedStep[] {
  return steps.flatMap((step, index) => {
    const place = `${list}[${index}]`;
    if (step.kind === 'runInference') return [{ step, place }];
    if (step.kind !== 'branch') return [];
    return Object.entries(step.branches).flatMap(([name, inner]) => inferenceSteps(inner, `${place}.branches.${name}`));
  });
}
