import { isKeyed } from '../models/keyed-model-handler.ts';
import { type ModelHandler, unwrapHandler } from '../models/model-handler.ts';
import type { PipelineInput, Pipeline } from './pipeline.ts';
import { pipelineModels } from './pipeline-models.ts';
import type { Step } from './steps.ts';

/** Returns the options for reading elements. If `input.id` is not set, the first model's handler names the id field. */
export function elementInput(pipeline: Pick<Pipeline, 'input' | 'steps'>): PipelineInput {
  const { input } = pipeline;
  const idField = pipelineModels(pipeline)[0]?.handler.idField;
  return input.id === undefined && idField !== undefined ? { ...input, id: idField } : input;
}

/** Returns the options for planning objects, with the columns that the steps use. */
export function planningInput({ input, steps }: Pick<Pipeline, 'input' | 'steps'>): PipelineInput {
  return getWholeElements(steps) ? { ...input, wholeRows: true } : input;
}

/** Checks whether the first of these steps passes whole elements to code that may use any of their fields. */
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
  if (isKeyed(handler)) return handler.mappings.some((mapping) => getsWholeElements(mapping.handler));
  return !handler.readsInputsOnly;
}

/** Returns the fields of an element that belong to the pipeline: those that `input` names. */
export function pipelineFields({ id, key, inferenceArgs }: PipelineInput): readonly string[] {
  return [id, key, inferenceArgs].filter((name) => typeof name === 'string');
}
