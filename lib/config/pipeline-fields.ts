import type { Pipeline, PipelineInput } from './fabric.ts';
import { pipelineModels } from './pipeline-models.ts';

/** How elements are read: with the id that the first model's handler knows them by, where `input.id` names none. */
export function elementInput(pipeline: Pick<Pipeline, 'input' | 'steps'>): PipelineInput {
  const { input } = pipeline;
  const idField = pipelineModels(pipeline)[0]?.handler.idField;
  return input.id === undefined && idField !== undefined ? { ...input, id: idField } : input;
}

/** Fields of an element that are the pipeline's: what `input` names. */
export function pipelineFields({ id, key, inferenceArgs }: PipelineInput): readonly string[] {
  return [id, key, inferenceArgs].filter((name) => typeof name === 'string');
}
