import { KeyedModelHandler } from '../models/keyed-model-handler.ts';
import { type ModelHandler, unwrapHandler } from '../models/model-handler.ts';
import type { Pipeline, PipelineInput } from './fabric.ts';
import { pipelineModels } from './pipeline-models.ts';
import type { Step } from './steps.ts';

/** How elements are read: with the id that the first model's handler knows them by, where `input.id` names none. */
export function elementInput(pipeline: Pick<Pipeline, 'input' | 'steps'>): PipelineInput {
  const { input } = pipeline;
  const idField = pipelineModels(pipeline)[0]?.handler.idField;
  return input.id === undefined && idField !== undefined ? { ...input, id: idField } : input;
}

/** How objects are planned: with what the steps say of the columns that they use. */
export function planningInput({ input, steps }: Pick<Pipeline, 'input' | 'steps'>): PipelineInput {
  return getWholeElements(steps) ? { ...input, wholeRows: true } : input;
}

/** Whether the first of these steps hands whole elements to code that may use any of their fields. */
function getWholeElements([first]: readonly Step[]): boolean {
  switch (first?.kind) {
    case undefined:
      return false;
    case 'runInference':
      return getsWholeElements(first.handler);
    case 'branch':
      return typeof first.split === 'function' || Object.values(first.branches).some(getWholeElements);
    default:
      return true;
  }
}

function getsWholeElements(outer: ModelHandler): boolean {
  const { handler, preprocessFns } = unwrapHandler(outer);
  if (preprocessFns.length > 0) return true;
  if (handler instanceof KeyedModelHandler)
    return handler.mappings.some((mapping) => getsWholeElements(mapping.handler));
  return !handler.readsInputsOnly;
}

/** Fields of an element that are the pipeline's: what `input` names. */
export function pipelineFields({ id, key, inferenceArgs }: PipelineInput): readonly string[] {
  return [id, key, inferenceArgs].filter((name) => typeof name === 'string');
}
