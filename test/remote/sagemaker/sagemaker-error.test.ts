import { expect } from 'vitest';
import { describeAwsService, exception } from '../aws-contract.ts';
import { doublesEndpoint, failure } from './doubles-endpoint.ts';

describeAwsService('a refusal of SageMaker', {
  service: doublesEndpoint(),
  failure,
  exceptions: [
    [
      'too many requests for the container',
      exception(424, 'ModelError', { OriginalStatusCode: 429, OriginalMessage: 'busy' }),
      { name: 'EndpointThrottledError', disposition: 'throttle' },
    ],
    [
      "the container's own refusal",
      exception(424, 'ModelError', { OriginalStatusCode: 400, OriginalMessage: 'bad column', Message: 'see the log' }),
      { name: 'EndpointRefusedError', disposition: 'poison', message: expect.stringContaining('bad column') },
    ],
    [
      "the container's path",
      exception(424, 'ModelError', { OriginalStatusCode: 404, OriginalMessage: 'no such thing' }),
      { name: 'EndpointRefusedError', disposition: 'poison' },
    ],
    [
      "the container's failure",
      exception(424, 'ModelError', { OriginalStatusCode: 500, OriginalMessage: '' }),
      { name: 'EndpointServerError', disposition: 'retry' },
    ],
    [
      'a model that is being loaded',
      exception(429, 'ModelNotReadyException', { Message: 'downloading' }),
      { name: 'EndpointServerError', disposition: 'retry', retryAfterMillis: 5000 },
    ],
    [
      'a failure of the service',
      exception(503, 'ServiceUnavailable', { Message: 'try again' }),
      { name: 'EndpointServerError', disposition: 'retry' },
    ],
    [
      'an endpoint that is not there',
      exception(400, 'ValidationError', { Message: 'Endpoint doubles of account 123456789012 not found.' }),
      { name: 'EndpointModelError', disposition: 'fatal', message: expect.stringContaining('not found') },
    ],
    [
      'a request that is too large',
      exception(413, 'ValidationError', { Message: 'too large' }),
      { name: 'EndpointRefusedError', disposition: 'poison', message: expect.stringContaining('maxBatchSize') },
    ],
  ],
});
