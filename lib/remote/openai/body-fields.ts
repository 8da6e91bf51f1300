import { InputMismatchError } from '../../models/element-shape.ts';
import type { InferenceArgs } from '../../models/model-handler.ts';
import { shownType, shownValue } from '../shown-value.ts';

type Fields = Readonly<Record<string, unknown>>;

/** A model's name, or the field of each element's body that contains it. */
export type ModelName = string | { readonly field: 'model' };

/** Fields of a request that only the handler sets. Other values would change the number of answers. */
const OWN_FIELDS = new Set(['model', 'messages', 'input', 'stream', 'n', 'encoding_format']);

/** Names of the parameter for the maximum tokens of an answer. Servers refuse a request that has both. */
const MAX_TOKENS = ['max_tokens', 'max_completion_tokens'] as const;

/** Returns the first field that only the handler sets. */
export function ownField(fields: Fields): string | undefined {
  return Object.keys(fields).find((name) => OWN_FIELDS.has(name));
}

/** Checks the arguments of a step or an element, which are fields of a request. @throws InputMismatchError */
export function checkedArgs(args: InferenceArgs = {}): InferenceArgs {
  const name = ownField(args);
  if (name === undefined) return args;
  throw new InputMismatchError(`'inferenceArgs' must not set '${name}', which only the handler sets`);
}

/** Returns the model for an element's request. @throws InputMismatchError if the element names another, or no model */
export function modelFor({ model }: Fields, modelName: ModelName): string {
  if (typeof modelName !== 'string') {
    if (typeof model === 'string' && model !== '') return model;
    throw new InputMismatchError(
      `an element must name its model in 'model', as 'modelName' is { field: 'model' }: got ${shownModel(model)}`,
    );
  }
  if (model === undefined || model === modelName) return modelName;
  throw new InputMismatchError(
    `the element's 'model' is ${shownValue(model)}, and the handler's '${modelName}': set modelName: { field: 'model' } to call each element's own model`,
  );
}

/**
 * Returns the parameters that an element sets, without its model.
 *
 * @throws InputMismatchError if one would change the number of answers from one, or can't be sent exactly as it was
 *   read.
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

/** Merges fields of a body; each layer takes precedence over those before it. An undefined field counts as absent. */
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

/** Returns the maximum tokens of an answer that a body sets. */
export function maxTokensIn(body: Fields): number | undefined {
  const value = body['max_completion_tokens'] ?? body['max_tokens'];
  return typeof value === 'number' ? value : undefined;
}

/** The API uses null for a parameter that has its default. */
function isSet(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function refused(name: string, rule: string, value: unknown): InputMismatchError {
  const got = typeof value === 'string' ? value.slice(0, 64) : value;
  const shown = typeof value === 'object' ? 'an object' : JSON.stringify(got);
  return new InputMismatchError(`the element's '${name}' must be ${rule}: got ${shown}`);
}

/** Describes the field of an element that does not name its model. */
function shownModel(model: unknown): string {
  if (model === undefined) return 'none';
  return model === '' ? 'an empty text' : shownType(model);
}
