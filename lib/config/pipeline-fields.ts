import { isKeyed } from '../models/keyed-model-handler.ts';
import { declaredFields } from '../models/declared-inputs.ts';
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

/** Returns the options for planning objects, with the columns that every row needs. */
export function planningInput(pipeline: Pick<Pipeline, 'input' | 'steps' | 'output'>): PipelineInput {
  const { input, steps } = pipeline;
  const needed = neededFields({ steps });
  const columns = input.columns ?? (isForModelOnly(pipeline) && needed.length > 0 ? needed : undefined);
  return {
    ...input,
    ...(getWholeElements(steps) ? { wholeRows: true } : {}),
    ...(needed.length === 0 ? {} : { neededColumns: needed }),
    ...(columns === undefined ? {} : { columns }),
  };
}

/** Checks whether elements are used by one model alone: by no function, and not in the output. */
function isForModelOnly({ steps, output }: Pick<Pipeline, 'steps' | 'output'>): boolean {
  const [first] = steps;
  if (first?.kind !== 'runInference' || steps.length > 1 || output.join !== 'none') return false;
  const { handler, preprocessFns, postprocessFns } = unwrapHandler(first.handler);
  return preprocessFns.length === 0 && postprocessFns.length === 0 && handler.readsInputsOnly;
}

/**
 * Returns the fields that every element needs: those that the models of the first step declare, if these read elements as
 * they were read. Models that get some of the elements are left out, as their fields can be in those elements alone.
 */
export function neededFields({ steps }: Pick<Pipeline, 'steps'>): readonly string[] {
  return [...new Set(fieldsOfAll(steps))];
}

function fieldsOfAll([first]: readonly Step[]): readonly string[] {
  if (first?.kind === 'branch') {
    return first.split === 'all' ? Object.values(first.branches).flatMap(fieldsOfAll) : [];
  }
  if (first?.kind !== 'runInference') return [];
  const { handler, preprocessFns } = unwrapHandler(first.handler);
  if (preprocessFns.length > 0 || isKeyed(handler) || handler.declaredInputs === undefined) return [];
  return declaredFields(handler.declaredInputs);
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
