import type { InferenceArgs } from '../../models/model-handler.ts';
import { NotTheProtocolError } from '../http/http-client.ts';
import { checkedArgs } from './body-fields.ts';
import { fieldsOf } from './fields.ts';

export interface EmbeddingRequestOptions {
  readonly modelName: string;
  readonly dimensions?: number | undefined;
  readonly extraBody?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * The body of POST /embeddings for several texts.
 * https://platform.openai.com/docs/api-reference/embeddings/create
 *
 * @throws InputMismatchError where an argument can't be one.
 */
export function embeddingRequest(
  texts: readonly string[],
  { modelName, dimensions, extraBody }: EmbeddingRequestOptions,
  inferenceArgs?: InferenceArgs,
): unknown {
  return { model: modelName, input: texts, dimensions, ...extraBody, ...checkedArgs(inferenceArgs) };
}

/**
 * The vectors in the order of their texts, whatever order the answer has.
 *
 * @throws NotTheProtocolError where there is not one for each text.
 */
export function embeddingsIn(body: unknown, count: number): readonly (readonly number[])[] {
  const { data } = fieldsOf(body);
  if (!Array.isArray(data)) throw new NotTheProtocolError("JSON without a list of 'data'");
  if (data.length !== count) throw new NotTheProtocolError(`${data.length} embeddings for ${count} texts`);
  const vectors = new Map<number, readonly number[]>();
  for (const [position, entry] of (data as readonly unknown[]).entries()) {
    const { index = position, embedding } = fieldsOf(entry);
    if (!isVector(embedding)) throw new NotTheProtocolError("an 'embedding' that is no list of numbers");
    vectors.set(Number(index), embedding);
  }
  return Array.from({ length: count }, (_, index) => {
    const vector = vectors.get(index);
    if (vector === undefined) throw new NotTheProtocolError(`no embedding of the index ${index} for ${count} texts`);
    return vector;
  });
}

function isVector(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length > 0 && value.every((number) => typeof number === 'number');
}
