import { expect } from 'vitest';
import { describeAwsService, exception } from '../aws-contract.ts';
import { failure, MODEL, novaLite } from './nova-lite.ts';

describeAwsService('a refusal of Bedrock', {
  service: novaLite(),
  failure,
  exceptions: [
    [
      'too many requests',
      exception(429, 'ThrottlingException', { message: 'Too many tokens, please wait before trying again.' }),
      { name: 'EndpointThrottledError', disposition: 'throttle' },
    ],
    [
      "the account's quota",
      exception(400, 'ServiceQuotaExceededException', { message: 'You can resubmit your request later.' }),
      { name: 'EndpointThrottledError', disposition: 'throttle' },
    ],
    [
      'a slow model',
      exception(408, 'ModelTimeoutException', {}),
      { name: 'EndpointServerError', disposition: 'retry' },
    ],
    [
      'a model that is being loaded',
      exception(429, 'ModelNotReadyException', { message: 'not ready' }),
      { name: 'EndpointServerError', disposition: 'retry', retryAfterMillis: 5000 },
    ],
    [
      "the model's failure",
      exception(424, 'ModelErrorException', { message: 'it broke', originalStatusCode: 500 }),
      { name: 'EndpointServerError', disposition: 'retry' },
    ],
    [
      "the model's own refusal",
      exception(424, 'ModelErrorException', { message: 'no', originalStatusCode: 422 }),
      { name: 'EndpointRefusedError', disposition: 'poison' },
    ],
    [
      'a model whose own endpoint is busy',
      exception(424, 'ModelErrorException', { message: 'busy', originalStatusCode: 429 }),
      { name: 'EndpointThrottledError', disposition: 'throttle' },
    ],
    [
      'a failure of the service',
      exception(500, 'InternalServerException', { message: 'sorry' }),
      { name: 'EndpointServerError', disposition: 'retry' },
    ],
    [
      'a service that is not there now',
      exception(503, 'ServiceUnavailableException', {}),
      { name: 'EndpointServerError', disposition: 'retry' },
    ],
    [
      'no access to the model',
      exception(403, 'AccessDeniedException', { message: "You don't have access to the model with the specified ID." }),
      { name: 'EndpointCredentialsError', disposition: 'fatal', message: expect.stringContaining('have access') },
    ],
    [
      'a model that is not there',
      exception(404, 'ResourceNotFoundException', { message: 'Could not resolve it' }),
      { name: 'EndpointModelError', disposition: 'fatal' },
    ],
    [
      "an id that is no model's",
      exception(400, 'ValidationException', { message: 'The provided model identifier is invalid.' }),
      { name: 'EndpointModelError', disposition: 'fatal', message: expect.stringContaining('is invalid') },
    ],
    [
      'a model that wants an inference profile',
      exception(400, 'ValidationException', {
        message: `Invocation of model ID ${MODEL} with on-demand throughput isn’t supported.`,
      }),
      { name: 'EndpointModelError', disposition: 'fatal' },
    ],
    [
      'an element that is too long',
      exception(400, 'ValidationException', { message: 'Input is too long for requested model.' }),
      { name: 'EndpointRefusedError', disposition: 'poison', message: expect.stringContaining('too long') },
    ],
  ],
});
