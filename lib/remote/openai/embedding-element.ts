import { InputMismatchError } from '../../models/element-shape.ts';
import { estimateTokens } from '../chat/token-weights.ts';
import { shownElement } from '../shown-value.ts';
import { askedIn, PATHS } from './batch-line.ts';
import { checkedParams, modelFor, type ModelName } from './body-fields.ts';
import { fieldsOf } from './fields.ts';

type Fields = Readonly<Record<string, unknown>>;

/** The inputs that an element wants embedded, and their parameters. */
export interface EmbeddingAsked {
  /** Texts, or lists of tokens. */
  readonly inputs: readonly unknown[];
  /** True if the element has a list of inputs: its prediction is a list of vectors. */
  readonly isList: boolean;
  readonly model: string;
  readonly params: Fields;
  /** Key that elements must have in common to share a request. */
  readonly key: string;
}

/** @throws InputMismatchError if it has nothing to embed, or has parameters that can't be sent. */
export function embeddingAsked(element: unknown, modelName: ModelName): EmbeddingAsked {
  const { input, ...stated } = bodyOf(askedIn(element, PATHS.embeddings));
  const inputs = isOneInput(input) ? [input] : input;
  if (!isInputs(inputs)) throw noText(input);
  const model = modelFor(stated, modelName);
  const params = checkedParams(stated);
  const key = embeddingKey(
    typeof inputs[0] === 'string',
    typeof modelName === 'string' ? params : { ...params, model },
  );
  return { inputs, isList: !isOneInput(input), model, params, key };
}

/** Estimates the number of tokens of an element; 1 for an element that can't be embedded. */
export function estimateEmbeddingTokens(element: unknown): number {
  const { body = element } = fieldsOf(element);
  const { input = body } = fieldsOf(body);
  const inputs = Array.isArray(input) ? (input as readonly unknown[]) : [input];
  return Math.max(
    1,
    inputs.reduce<number>((sum, one) => sum + tokensOf(one), 0),
  );
}

/** Counts the tokens of an input, in which a number is one token. */
function tokensOf(input: unknown): number {
  if (typeof input === 'string') return estimateTokens(input);
  return Array.isArray(input) ? input.length : 1;
}

/** A text is equivalent to an object with that text as its `input`. */
function bodyOf(asked: unknown): Fields {
  if (typeof asked === 'string') return { input: asked };
  if (typeof asked === 'object' && asked !== null && 'input' in asked) return asked;
  throw noText(asked);
}

/** Checks whether it is a text, or a list of tokens. */
function isOneInput(input: unknown): boolean {
  if (typeof input === 'string') return input !== '';
  return Array.isArray(input) && input.length > 0 && input.every(Number.isSafeInteger);
}

/** A request contains either texts or lists of tokens, not both. */
function isInputs(inputs: unknown): inputs is readonly unknown[] {
  if (!Array.isArray(inputs) || inputs.length === 0) return false;
  const [first] = inputs as readonly unknown[];
  return inputs.every((input) => isOneInput(input) && typeof input === typeof first);
}

/** Returns the key of a request; empty for texts without parameters. */
function embeddingKey(areTexts: boolean, params: Fields): string {
  const kind = areTexts ? '' : 'tokens';
  const names = Object.keys(params).toSorted();
  return names.length === 0 ? kind : `${kind}${JSON.stringify(names.map((name) => [name, params[name]]))}`;
}

function noText(element: unknown): InputMismatchError {
  const shown = element === '' ? 'an empty one' : shownElement(element, "'input'");
  return new InputMismatchError(
    `an element to be embedded must be a text, { input } with a text, or a list of texts, and not empty: got ${shown}`,
  );
}
