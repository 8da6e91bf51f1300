import { expect } from 'vitest';
import type { InferenceArgs } from '../../../lib/models/model-handler.ts';
import {
  type BedrockApi,
  BedrockModelHandler,
  type BedrockModelHandlerOptions,
} from '../../../lib/remote/bedrock/bedrock-model-handler.ts';
import { EndpointError } from '../../../lib/remote/endpoint/endpoint-error.ts';
import { AWS_SECRETS, awsVariables, type Variables } from '../environment.ts';
import type { FakeAnswer, FakeRequest } from '../fake-service.ts';
import { type SharedService, sharedService } from '../shared-service.ts';

export type Options = Partial<BedrockModelHandlerOptions<BedrockApi>>;

export const MODEL = 'amazon.nova-lite-v1:0';

const signal = new AbortController().signal;

interface Said {
  readonly messages: readonly { readonly content: readonly { readonly text: string }[] }[];
}

/** A model that says what it was told. */
export function echoed({ json }: FakeRequest): FakeAnswer {
  const { messages } = json as unknown as Said; // As the handler is to send it.
  return said(messages.at(-1)?.content ?? []);
}

export function said(content: readonly unknown[], stopReason = 'end_turn'): FakeAnswer {
  const usage = { inputTokens: 12, outputTokens: 3, totalTokens: 15 };
  const message = { role: 'assistant', content };
  return { body: { output: { message }, stopReason, usage, metrics: { latencyMs: 7 } } };
}

export function variablesFor(url: string): Variables {
  return awsVariables({ BEDROCK_RUNTIME: url });
}

export function handlerOf<Api extends BedrockApi = 'converse'>(options: Partial<BedrockModelHandlerOptions<Api>> = {}) {
  return new BedrockModelHandler<Api>({ modelId: MODEL, ...options });
}

/** The model, for the tests of a file. */
export function novaLite(): SharedService {
  return sharedService(echoed, { http2: true, environment: variablesFor });
}

export async function ask(element: unknown, options: Options = {}, inferenceArgs?: InferenceArgs): Promise<unknown> {
  const handler = handlerOf<BedrockApi>(options);
  const client = await handler.createClient();
  try {
    const request = { signal, ...(inferenceArgs !== undefined && { inferenceArgs }) };
    const [prediction] = await handler.request([element as string], client, request);
    return prediction;
  } finally {
    client.runtime.destroy();
  }
}

export async function failure(): Promise<EndpointError> {
  const error: unknown = await ask('hello').catch((error: unknown) => error);
  expect(error).toBeInstanceOf(EndpointError);
  const { message } = error as EndpointError; // As it was just found to be.
  expect(message.startsWith(handlerOf().endpointName), message).toBe(true);
  for (const secret of AWS_SECRETS) expect(message).not.toContain(secret);
  return error as EndpointError;
}
