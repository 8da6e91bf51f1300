import { ConfigError } from '../errors.ts';
import type { ModelHandler } from '../models/model-handler.ts';
import type { Fabric } from './fabric.ts';
import { pipelineModels } from './pipeline-models.ts';

/** Returns the place of a handler in a config: `breast-cancer/steps[0].handler`. */
export function handlerPlace(pipeline: string, place: string): string {
  return `${pipeline}/${place}`;
}

/**
 * Returns the handler at a place, without the functions around it.
 *
 * @throws ConfigError if the handler there is of another class: the config differs from one import to the next.
 */
export function handlerAt(fabric: Fabric, place: string, className: string): ModelHandler {
  const [pipeline = '', ...rest] = place.split('/');
  const models = Object.hasOwn(fabric.pipelines, pipeline) ? fabric.pipelines[pipeline] : undefined;
  const handler =
    models === undefined ? undefined : pipelineModels(models).find((model) => model.place === rest.join('/'))?.handler;
  if (handler !== undefined && handler.constructor.name === className) return handler;
  const found = handler?.constructor.name ?? 'nothing';
  throw new ConfigError(
    `${place} must be the same in every import of the config: it was ${className}, and here it is ${found}`,
  );
}
