import { expect } from 'vitest';
import { EndpointError } from '../../../lib/remote/endpoint/endpoint-error.ts';
import type { InferenceArgs } from '../../../lib/models/model-handler.ts';
import {
  SageMakerModelHandler,
  type SageMakerModelHandlerOptions,
} from '../../../lib/remote/sagemaker/sagemaker-model-handler.ts';
import { AWS_SECRETS, awsVariables, type Variables } from '../environment.ts';
import type { FakeAnswer, FakeRequest } from '../fake-service.ts';
import { type SharedService, sharedService } from '../shared-service.ts';

export type Options = Partial<SageMakerModelHandlerOptions>;

const signal = new AbortController().signal;

/** A container that doubles numbers. */
export function doubled({ json }: FakeRequest): FakeAnswer {
  const instances = json['instances'] as readonly number[];
  return { body: { predictions: instances.map((number) => 2 * number) } };
}

export function variablesFor(url: string): Variables {
  return awsVariables({ SAGEMAKER_RUNTIME: url });
}

export function handlerOf(options: Options = {}): SageMakerModelHandler {
  return new SageMakerModelHandler({ endpointName: 'doubles', ...options });
}

/** The endpoint `doubles`, for the tests of a file. */
export function doublesEndpoint(): SharedService {
  return sharedService(doubled, { environment: variablesFor });
}

export async function ask(batch: readonly unknown[], options: Options = {}, inferenceArgs?: InferenceArgs) {
  const handler = handlerOf(options);
  const client = await handler.createClient();
  try {
    return await handler.request(batch, client, { signal, ...(inferenceArgs !== undefined && { inferenceArgs }) });
  } finally {
    client.runtime.destroy();
  }
}

export async function failure(): Promise<EndpointError> {
  const error: unknown = await ask([1, 2]).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(EndpointError);
  const { message } = error as EndpointError; // As it was just found to be.
  expect(message.startsWith(handlerOf().endpointName), message).toBe(true);
  for (const secret of AWS_SECRETS) expect(message).not.toContain(secret);
  return error as EndpointError;
}
