import type { z } from 'zod';
import { ConfigError } from '../errors.ts';
import type { Compute } from './compute.ts';
import type { Pipeline, PipelineInput, PipelineOutput } from './pipeline.ts';
import { fabricSchema } from './schema.ts';
import type { Step } from './steps.ts';

/** A validated configuration: pipelines by their names, with all defaults. */
export interface Fabric {
  readonly pipelines: Readonly<Record<string, Pipeline>>;
}

/** Argument of `defineFabric`: a pipeline, whose options with defaults can be left out. */
export interface PipelineDefinition {
  readonly input: Partial<PipelineInput> & Pick<PipelineInput, 'format'>;
  readonly steps: readonly Step[];
  readonly output?: Partial<PipelineOutput>;
  readonly compute?: Compute;
  readonly maxFailures?: number;
  readonly maxFailureRatio?: number;
}

const defined = new WeakSet<object>();

/**
 * Checks a configuration and fills in its defaults.
 *
 * @returns frozen data; handlers and functions are left as they are.
 * @throws ConfigError that names the path, the rule and the value, a line for each.
 *
 * @example
 * ```ts
 * import { defineFabric, OnnxModelHandler, runInference } from 'inference-fabric';
 *
 * const model = new OnnxModelHandler({ modelUri: '../models/wine.onnx' });
 *
 * export default defineFabric({
 *   pipelines: {
 *     wine: { input: { format: 'csv', header: false }, steps: [runInference(model)] },
 *   },
 * });
 * ```
 */
export function defineFabric(definition: { readonly pipelines: Readonly<Record<string, PipelineDefinition>> }): Fabric {
  const result = fabricSchema.safeParse(definition);
  if (!result.success)
    throw new ConfigError(result.error.issues.map((issue) => describeIssue(issue, definition)).join('\n'));
  const fabric = freezeConfig(result.data as unknown as Fabric);
  defined.add(fabric);
  return fabric;
}

export function isFabric(value: unknown): value is Fabric {
  return typeof value === 'object' && value !== null && defined.has(value);
}

function describeIssue(issue: z.core.$ZodIssue, definition: unknown): string {
  if (issue.code === 'invalid_key') {
    const name = String(issue.path.at(-1));
    const where = `${shownPath(issue.path.slice(0, -1))}['${name}']`;
    return `${where} ${issue.issues[0]?.message ?? 'is not a name'}: current value is '${name}'`;
  }
  // A union with a discriminator says there what it missed; it is the whole that is wrong.
  const isMissed = issue.code === 'invalid_union' && issue.discriminator !== undefined;
  const places = isMissed ? issue.path.slice(0, -1) : issue.path;
  const where = places.length === 0 ? 'the configuration' : shownPath(places);
  if (issue.code === 'unrecognized_keys')
    return `${where} has no field ${issue.keys.map((key) => `'${key}'`).join(', ')}`;
  const value = places.reduce<unknown>(
    (at, part) => (at as Record<PropertyKey, unknown> | undefined)?.[part],
    definition,
  );
  return `${where} ${issue.message}: current value is ${shown(value)}`;
}

function shownPath(places: readonly PropertyKey[]): string {
  return places.reduce<string>(
    (text, part) =>
      typeof part === 'number' ? `${text}[${part}]` : text === '' ? String(part) : `${text}.${String(part)}`,
    '',
  );
}

/** Values are shown short and never whole: a config may hold secrets by mistake. */
function shown(value: unknown): string {
  if (typeof value === 'string') return `'${value.slice(0, 40)}'`;
  if (typeof value === 'object' && value !== null)
    return Array.isArray(value) ? `a list of ${value.length}` : 'an object';
  return typeof value === 'function' ? 'a function' : String(value);
}

/** Freezes plain objects and arrays all the way down; instances of classes, as handlers are, are left alone. */
function freezeConfig<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== Array.prototype) return value;
  for (const inner of Object.values(value)) freezeConfig(inner);
  return Object.freeze(value);
}
