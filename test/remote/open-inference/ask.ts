import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { InferenceArgs } from '../../../lib/models/model-handler.ts';
import { OnnxModelHandler, type OnnxModelHandlerOptions } from '../../../lib/models/onnx-model-handler.ts';
import { EndpointError } from '../../../lib/remote/endpoint/endpoint-error.ts';
import {
  OpenInferenceModelHandler,
  type OpenInferenceModelHandlerOptions,
} from '../../../lib/remote/open-inference/open-inference-model-handler.ts';
import type { ModelServerOptions, RawAnswer } from './model-server.ts';

export type Options = Partial<OpenInferenceModelHandlerOptions>;

export const signal = new AbortController().signal;

export function handlerOf(url: string, modelName: string, options: Options = {}): OpenInferenceModelHandler {
  return new OpenInferenceModelHandler({ endpoint: url, modelName, ...options });
}

export async function ask(
  handler: OpenInferenceModelHandler,
  batch: readonly unknown[],
  inferenceArgs?: InferenceArgs,
) {
  const client = await handler.createClient();
  return handler.request(batch, client, { signal, ...(inferenceArgs === undefined ? {} : { inferenceArgs }) });
}

export async function askLocally(
  model: string,
  batch: readonly unknown[],
  options: Partial<OnnxModelHandlerOptions> = {},
) {
  const modelUri = fileURLToPath(new URL(`../../models/${model}.onnx`, import.meta.url));
  const handler = new OnnxModelHandler({ modelUri, ...options });
  const loaded = await handler.loadModel();
  try {
    return await handler.runInference(batch, loaded);
  } finally {
    await loaded.session.release();
  }
}

export async function failureOf(asked: Promise<unknown>): Promise<EndpointError> {
  const error: unknown = await asked.then(
    () => expect.fail('it succeeded'),
    (error: unknown) => error,
  );
  if (!(error instanceof EndpointError)) throw error;
  return error;
}

/** A server that answers every inference request with this. */
export function infers(answer: RawAnswer): NonNullable<ModelServerOptions['answer']> {
  return ({ path }) => (path.endsWith('/infer') ? answer : undefined);
}
