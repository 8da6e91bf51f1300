import { describe, expect, test } from 'vitest';
import type { FakeAnswer } from '../fake-service.ts';
import { failureOf, handlerOf, KEY, MASKED_KEY, refusal, request, smallModel } from './small-model.ts';

const service = smallModel();

describe("a refusal of OpenAI's API", () => {
  test.for<readonly [string, FakeAnswer, Readonly<Record<string, unknown>>]>([
    [
      'too many requests',
      refusal(429, { message: 'Rate limit reached', code: 'rate_limit_exceeded' }),
      { name: 'EndpointThrottledError', disposition: 'throttle', retryAfterMillis: undefined },
    ],
    [
      'a time to wait, in seconds',
      refusal(429, {}, { 'retry-after': '3' }),
      { disposition: 'throttle', retryAfterMillis: 3000 },
    ],
    [
      'a time to wait, in milliseconds',
      refusal(429, {}, { 'retry-after': '3', 'retry-after-ms': '2750' }),
      { disposition: 'throttle', retryAfterMillis: 2750 },
    ],
    [
      'a limit of requests that is full',
      refusal(429, {}, { 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '1.5s' }),
      { disposition: 'throttle', retryAfterMillis: 1500 },
    ],
    [
      'limits of which only that of tokens is full',
      refusal(
        429,
        {},
        {
          'x-ratelimit-remaining-requests': '9',
          'x-ratelimit-reset-requests': '9s',
          'x-ratelimit-remaining-tokens': '0',
          'x-ratelimit-reset-tokens': '6m0s',
        },
      ),
      { disposition: 'throttle', retryAfterMillis: 60_000 },
    ],
    [
      'an account that can not pay',
      refusal(429, {
        message: 'You exceeded your current quota',
        type: 'insufficient_quota',
        code: 'insufficient_quota',
      }),
      { name: 'EndpointCredentialsError', disposition: 'fatal', message: expect.stringContaining('its bill is paid') },
    ],
    [
      "a request that is larger than its tokens' limit, for which there is never room",
      refusal(429, {
        message: 'Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 40000.',
        type: 'tokens',
        code: 'rate_limit_exceeded',
      }),
      { name: 'EndpointRefusedError', disposition: 'poison' },
    ],
    [
      'a key that is not known, of which the server shows the ends',
      refusal(401, { message: `Incorrect API key provided: ${MASKED_KEY}`, code: 'invalid_api_key' }),
      { name: 'EndpointCredentialsError', disposition: 'fatal' },
    ],
    [
      'a server that repeats the key',
      refusal(400, { message: `what is ${KEY}?` }),
      { name: 'EndpointRefusedError', message: expect.stringContaining('what is ***?') },
    ],
    [
      'a model that is not there',
      refusal(404, { message: 'The model `small` does not exist', code: 'model_not_found' }),
      { name: 'EndpointModelError', disposition: 'fatal', message: expect.stringContaining('does not exist') },
    ],
    [
      "a model that is not this account's",
      refusal(403, { message: 'Project has no access to it', code: 'model_not_found' }),
      { name: 'EndpointModelError', disposition: 'fatal' },
    ],
    [
      'an element that is too long',
      refusal(400, { message: "This model's maximum context length is 8192", code: 'context_length_exceeded' }),
      {
        name: 'EndpointRefusedError',
        disposition: 'poison',
        message: expect.stringContaining('maximum context length'),
      },
    ],
    [
      'an element that a filter stops',
      refusal(400, { message: 'triggered the content management policy', code: 'content_filter' }),
      { name: 'EndpointRefusedError', disposition: 'poison' },
    ],
  ])('tells what to do about %s', async ([, answer, expected]) => {
    service.answers(() => answer);
    const error = await failureOf(request(handlerOf(service.url), ['hello']));
    expect(error).toMatchObject(expected);
    expect(error.message.startsWith(`model 'small' at ${service.url}/v1 `), error.message).toBe(true);
  });
});
