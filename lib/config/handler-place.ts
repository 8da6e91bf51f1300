import { ConfigError } from '../errors.ts';
import { type ModelHandler, unwrapHandler } from '../models/model-handler.ts';
import type { Fabric } from './fabric.ts';

/** Where a handler stands in a config: `breast-cancer/steps[0].handler`. */
export function handlerPlace(pipeline: string, step: number): string {
  return `${pipeline}/steps[${step}].handler`;
}

/**
 * The handler at a place, without the functions around it.
 *
 * @throws ConfigError where another class stands there: the config differs from one import to the next.
 */
export function handlerAt(fabric: Fabric, place: string, className: string): ModelHandler {
  const match = /^(.+)\/steps\[(\d+)\]\.handler$/.exec(place);
  const step = match === null ? undefined : fabric.pipelines[match[1] ?? '']?.steps[Number(match[2])];
  const handler = step?.kind === 'runInference' ? unwrapHandler(step.handler).handler : undefined;
  if (handler !== undefined && handler.constructor.name === className) return handler;
  const found = handler?.constructor.name ?? 'nothing';
  throw new ConfigError(
    `${place} must be the same in every import of the config: it was ${className}, and here it is ${found}`,
  );
}
