import { InputMismatchError } from '../../models/element-shape.ts';
import type { InferenceArgs } from '../../models/model-handler.ts';

type Fields = Readonly<Record<string, unknown>>;

/** A model's name, or the field of each element's body that has it. */
export type ModelName = string | { readonly field: 'model' };

/** Fields of a request that the handler answers for: whoever set them would get another number of answers, or none. */
const OWN_FIELDS = new Set(['model', 'messages', 'input', 'stream', 'n', 'encoding_format']);

/** The two names of the most tokens of an answer. Servers refuse a request that has both. */
const MAX_TOKENS = ['max_tokens', 'max_completion_tokens'] as const;

/** The first of the handler's own fields among others'. */
export function ownField(fields: Fields): string | undefined {
  return Object.keys(fields).find((name) => OWN_FIELDS.has(name));
}

/** The arguments of a step or an element, which are fields of a request. @throws InputMismatchError */
export function checkedArgs(args: InferenceArgs = {}): InferenceArgs {
  const name = ownField(args);
  if (name === undefined) return args;
  throw new InputMismatchError(`'inferenceArgs' must not set '${name}', which is the handler's own`);
}

/** The model that an element's request is for. @throws InputMismatchError where the element names another, or none */
export function modelFor({ model }: Fields, modelName: ModelName): string {
  if (typeof modelName !== 'string') {
    if (typeof model === 'string' && model !== '') return model;
    throw new InputMismatchError(
      `an element must name its model in 'model', as 'modelName' is { field: 'model' }: got ${kindOf(model)}`,
    );
  }
  if (model === undefined || model === modelName) return modelName;
  const named = typeof model === 'string' ? `'${model.slice(0, 64)}'` : kindOf(model);
  throw new InputMismatchError(
    `the element's 'model' is ${named}, and the handler's '${modelName}': with modelName: { field: 'model' } each element's own model is asked`,
  );
}

/**
 * The parameters that an element states, without its model.
 *
 * @throws InputMismatchError where one would have another number of answers than one, or can't be sent as it was read.
 */
export function checkedParams(params: Fields): Fields {
  const { model: _, ...others } = params;
  const { stream, n, encoding_format: format } = others;
  if (isSet(stream) && stream !== false) throw refused('stream', 'false, as each element has one answer', stream);
  if (isSet(n) && n !== 1) throw refused('n', '1, as each element has one prediction', n);
  if (isSet(format) && format !== 'float') throw refused('encoding_format', "'float'", format);
  for (const [name, value] of Object.entries(others)) {
    if (typeof value !== 'number' || !Number.isInteger(value) || Number.isSafeInteger(value)) continue;
    throw refused(name.slice(0, 64), 'an integer of at most 2^53 - 1, as a larger one is not exact', value);
  }
  return others;
}

/** Fields of a body from several places, each before those in front of it. One that is undefined is not stated. */
export function mergedFields(layers: readonly Fields[]): Fields {
  const merged = new Map<string, unknown>();
  for (const layer of layers) {
    const stated = Object.entries(layer).filter(([, value]) => value !== undefined);
    if (MAX_TOKENS.some((name) => stated.some(([other]) => other === name))) {
      for (const name of MAX_TOKENS) merged.delete(name);
    }
    for (const [name, value] of stated) merged.set(name, value);
  }
  return Object.fromEntries(merged);
}

/** The most tokens of an answer that a body states. */
export function maxTokensIn(body: Fields): number | undefined {
  const value = body['max_completion_tokens'] ?? body['max_tokens'];
  return typeof value === 'number' ? value : undefined;
}

/** The API has null where a parameter has its default. */
function isSet(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function refused(name: string, rule: string, value: unknown): InputMismatchError {
  const got = typeof value === 'string' ? value.slice(0, 64) : value;
  const shown = typeof value === 'object' ? 'an object' : JSON.stringify(got);
  return new InputMismatchError(`the element's '${name}' must be ${rule}: got ${shown}`);
}

function kindOf(value: unknown): string {
  return value === undefined
    ? 'none'
    : value === null
      ? 'null'
      : typeof value === 'string'
        ? 'an empty text'
        : typeof value;
}
