import { expect } from 'vitest';
import type { InferenceArgs } from '../../../lib/models/model-handler.ts';
import { EndpointError } from '../../../lib/remote/endpoint/endpoint-error.ts';
import { OpenAIModelHandler } from '../../../lib/remote/openai/openai-model-handler.ts';
import type {
  OpenAIElements,
  OpenAIModelHandlerOptions,
  OpenAITask,
} from '../../../lib/remote/openai/openai-options.ts';
import type { Variables } from '../environment.ts';
import type { FakeAnswer, FakeRequest } from '../fake-service.ts';
import { type SharedService, sharedService } from '../shared-service.ts';

export type Options<Task extends OpenAITask = 'chat'> = Partial<OpenAIModelHandlerOptions<Task>>;

export const KEY = 'sk-live-0123456789-that-stays-hidden';
/** As OpenAI shows a key that it does not know. */
export const MASKED_KEY = 'sk-live-***********dden';
export const VARIABLES: Variables = { FABRIC_TEST_KEY: KEY };

const signal = new AbortController().signal;

/** A model that says what it was told, and another that counts letters. */
export function answered({ path, json }: FakeRequest): FakeAnswer {
  if (path.endsWith('/embeddings')) {
    const data = (json['input'] as readonly string[]).map((text, index) => ({ index, embedding: [text.length, 0.5] }));
    return { body: { object: 'list', data, usage: { prompt_tokens: 5, total_tokens: 5 } } };
  }
  const messages = json['messages'] as readonly { readonly content: string }[];
  return said({ content: messages.at(-1)?.content });
}

export function said(message: Readonly<Record<string, unknown>>, finish_reason = 'stop'): FakeAnswer {
  const usage = { prompt_tokens: 12, completion_tokens: 3, total_tokens: 15 };
  return { body: { choices: [{ index: 0, message: { role: 'assistant', ...message }, finish_reason }], usage } };
}

export function refusal(status: number, error: unknown, headers: Readonly<Record<string, string>> = {}): FakeAnswer {
  return { status, headers, body: { error } };
}

/** The server, for the tests of a file. */
export function smallModel(): SharedService {
  return sharedService(answered, { environment: () => VARIABLES });
}

export function handlerOf<Task extends OpenAITask = 'chat'>(
  url: string,
  options: Options<Task> = {},
): OpenAIModelHandler<Task> {
  return new OpenAIModelHandler<Task>({
    endpoint: `${url}/v1`,
    modelName: 'small',
    apiKey: { env: 'FABRIC_TEST_KEY' },
    ...options,
  });
}

export async function request<Task extends OpenAITask>(
  handler: OpenAIModelHandler<Task>,
  batch: readonly unknown[],
  inferenceArgs?: InferenceArgs,
) {
  const elements = batch as readonly OpenAIElements[Task]['input'][]; // Invalid elements are intentional.
  const options = { signal, ...(inferenceArgs !== undefined && { inferenceArgs }) };
  return handler.request(elements, await handler.createClient(), options);
}

export async function failureOf(asked: Promise<unknown>): Promise<EndpointError> {
  const error: unknown = await asked.catch((error: unknown) => error);
  expect(error).toBeInstanceOf(EndpointError);
  const { message } = error as EndpointError;
  for (const secret of [KEY, MASKED_KEY, KEY.slice(0, 8)]) expect(message).not.toContain(secret);
  return error as EndpointError; // As it was just found to be.
}
