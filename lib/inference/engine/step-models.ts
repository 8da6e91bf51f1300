import type { Pipeline } from '../../config/pipeline.ts';
import { type PipelineModel, pipelineModels } from '../../config/pipeline-models.ts';
import type { RunInferenceStep } from '../../config/steps.ts';
import { isKeyed, type KeyedModelHandler } from '../../models/keyed-model-handler.ts';
import { type ModelHandler, unwrapHandler } from '../../models/model-handler.ts';

/** The models of one inference step: one, or with a keyed handler one for each of its mappings. */
export interface StepModels {
  /** Index of the first of these models among the pipeline's. */
  readonly first: number;
  /** The step's handler, without the functions around it. */
  readonly handler: ModelHandler;
  readonly models: readonly PipelineModel[];
  readonly keyed: KeyedModelHandler | undefined;
}

/** Returns the inference steps of a pipeline, also those in branches, in order. */
export function stepModels(pipeline: Pick<Pipeline, 'steps'>): readonly StepModels[] {
  const models = pipelineModels(pipeline);
  const byStep = Map.groupBy(
    models.map((model, index) => ({ model, index })),
    ({ model }) => model.stepPlace,
  );
  return [...byStep.values()].flatMap(([first, ...others]) => {
    if (first === undefined) return [];
    const { handler } = unwrapHandler(first.model.step.handler);
    return {
      first: first.index,
      handler,
      models: [first.model, ...others.map(({ model }) => model)],
      keyed: isKeyed(handler) ? handler : undefined,
    };
  });
}

/**
 * Returns the steps that share their models with this one, itself included: those with the same handler object. The
 * models of a remote handler are not in memory. A keyed handler that can't keep all its models has them for each step:
 * a step that waits for one, while the step after it holds the others, would wait forever.
 */
export function sharersOf(step: StepModels, steps: readonly StepModels[]): readonly StepModels[] {
  const isInMemory = step.models.every(({ handler }) => handler.kind === 'local');
  const canShare = isInMemory && step.keyed?.keepsAllModels !== false;
  return canShare ? steps.filter(({ handler }) => handler === step.handler) : [step];
}

/** Returns the step's options for loading a model that several steps share: no step waits less than it would alone. */
export function sharedStep(steps: readonly RunInferenceStep[], own: RunInferenceStep): RunInferenceStep {
  const refreshSecs = steps.flatMap((step) => step.refreshSecs ?? []);
  return {
    ...own,
    loadTimeoutSecs: Math.max(...steps.map((step) => step.loadTimeoutSecs)),
    ...(refreshSecs.length === 0 ? {} : { refreshSecs: Math.min(...refreshSecs) }),
  };
}
