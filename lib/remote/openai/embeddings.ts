import type { InferenceArgs } from '../../models/model-handler.ts';
import { NotTheProtocolError } from '../http/http-client.ts';
import { checkedArgs, mergedFields } from './body-fields.ts';
import type { EmbeddingAsked } from './embedding-element.ts';
import { fieldsOf } from './fields.ts';

export interface EmbeddingRequestOptions {
  readonly dimensions?: number | undefined;
  readonly extraBody?: Readonly<Record<string, unknown>> | undefined;
}

/** Maximum inputs of a request, https://platform.openai.com/docs/api-reference/embeddings/create */
export const MAX_INPUTS = 2048;

/** Elements of a batch that go into one request. */
export interface EmbeddingGroup {
  readonly model: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly inputs: unknown[];
  readonly elements: { readonly index: number; readonly asked: EmbeddingAsked }[];
}

/** Groups elements that can share a request: the same parameters, up to the API's maximum number of inputs. */
export function embeddingGroups(asked: readonly (EmbeddingAsked | Error)[]): readonly EmbeddingGroup[] {
  const groups: EmbeddingGroup[] = [];
  const open = new Map<string, EmbeddingGroup>();
  for (const [index, one] of asked.entries()) {
    if (one instanceof Error) continue;
    const { key, model, params, inputs } = one;
    let group = open.get(key);
    if (group === undefined || group.inputs.length + inputs.length > MAX_INPUTS) {
      group = { model, params, inputs: [], elements: [] };
      groups.push(group);
      open.set(key, group);
    }
    for (const input of inputs) group.inputs.push(input);
    group.elements.push({ index, asked: one });
  }
  return groups;
}

/**
 * Returns the body of POST /embeddings for a group: the handler's options, then `extraBody`, then the elements'
 * parameters, then the arguments; each takes precedence over the ones before it.
 * https://platform.openai.com/docs/api-reference/embeddings/create
 *
 * @throws InputMismatchError if an argument can't be a field of the request.
 */
export function embeddingRequest(
  { model, params, inputs }: EmbeddingGroup,
  { dimensions, extraBody = {} }: EmbeddingRequestOptions,
  inferenceArgs?: InferenceArgs,
): unknown {
  return { model, input: inputs, ...mergedFields([{ dimensions }, extraBody, params, checkedArgs(inferenceArgs)]) };
}

/**
 * Returns the vectors in the order of their texts, which may not be that of the answer.
 *
 * @throws NotTheProtocolError if there is not one vector per text.
 */
export function embeddingsIn(body: unknown, count: number): readonly (readonly number[])[] {
  const { data } = fieldsOf(body);
  if (!Array.isArray(data)) throw new NotTheProtocolError("JSON without a list of 'data'");
  if (data.length !== count) throw new NotTheProtocolError(`${data.length} embeddings for ${count} texts`);
  const vectors = new Map<number, readonly number[]>();
  for (const [position, entry] of (data as readonly unknown[]).entries()) {
    const { index = position, embedding } = fieldsOf(entry);
    if (!isVector(embedding)) throw new NotTheProtocolError("an 'embedding' that is not a list of numbers");
    vectors.set(Number(index), embedding);
  }
  return Array.from({ length: count }, (_, index) => {
    const vector = vectors.get(index);
    if (vector === undefined) throw new NotTheProtocolError(`no embedding with the index ${index} for ${count} texts`);
    return vector;
  });
}

function isVector(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length > 0 && value.every((number) => typeof number === 'number');
}
