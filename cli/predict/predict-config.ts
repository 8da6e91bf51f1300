import { defineFabric, HuggingFacePipelineModelHandler, OnnxModelHandler, runInference } from 'inference-fabric';
import type { FirstPipeline } from '../mapping/first-pipeline.ts';
import { PIPELINE_PARAMETER } from './pipeline-url.ts';

// The config of `fabric predict`. Workers and model hosts import it too, so its one pipeline is in its own URL.

const { name, input, model } = JSON.parse(
  new URL(import.meta.url).searchParams.get(PIPELINE_PARAMETER) ?? '{}',
) as FirstPipeline;

// The task decides the types of elements and predictions, which nothing here depends on.
const step =
  'task' in model
    ? runInference(new HuggingFacePipelineModelHandler({ ...model, task: model.task as 'text-classification' }))
    : runInference(new OnnxModelHandler(model));

export default defineFabric({ pipelines: { [name]: { input, steps: [step] } } });
