import type { Pipeline } from '../../config/pipeline.ts';
import { type PipelineModel, pipelineModels } from '../../config/pipeline-models.ts';
import { ModelLoadError } from '../../errors.ts';
import { unwrapHandler } from '../../models/model-handler.ts';
import { ModelStore } from '../../models/model-store.ts';

/**
 * Looks whether every model of a pipeline is where it should be, those that are only loaded on demand included.
 *
 * @returns how many models this, or loading all that stay loaded, is a check of: a user's own handler of a keyed step has
 *   nothing to look at.
 * @throws ModelLoadError that names each missing one by its place; what may pass as it is.
 */
export async function checkModels(pipeline: Pipeline, store = new ModelStore()): Promise<number> {
  const models = pipelineModels(pipeline);
  const missing = (await Promise.all(models.map((model) => reasonMissing(model, store)))).filter(
    (reason) => reason !== undefined,
  );
  if (missing.length > 0) {
    const count = `${missing.length} of ${models.length} model${models.length === 1 ? '' : 's'}`;
    throw new ModelLoadError([`${count} can't be found:`, ...missing].join(missing.length === 1 ? ' ' : '\n'));
  }
  return models.filter((model) => uriOf(model) !== undefined || isPermanent(model)).length;
}

async function reasonMissing(model: PipelineModel, store: ModelStore): Promise<string | undefined> {
  const uri = uriOf(model);
  if (uri === undefined) return undefined;
  const { select } = model.handler.modelFiles ?? {};
  try {
    await store.look(uri, { weights: true, ...(select === undefined ? {} : { select }) });
    return undefined;
  } catch (error) {
    if (!(error instanceof ModelLoadError)) throw error;
    return `${model.place}: ${error.message}`;
  }
}

function uriOf({ handler }: PipelineModel): string | undefined {
  const { modelFiles } = handler;
  return modelFiles?.isFetched === true ? modelFiles.uri : undefined;
}

/** Checks whether it is its step's only model, which an engine loads when it starts. */
function isPermanent({ handler, step }: PipelineModel): boolean {
  return unwrapHandler(step.handler).handler === handler;
}
