import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  type BedrockApi,
  BedrockModelHandler,
  type BedrockModelHandlerOptions,
} from '../../../lib/remote/bedrock/bedrock-model-handler.ts';
import { modelArns } from '../../../lib/remote/bedrock/model-arns.ts';
import { EndpointError } from '../../../lib/remote/endpoint/endpoint-error.ts';
import {
  AWS_SECRET_KEY,
  AWS_SESSION_TOKEN,
  awsVariables,
  withEnvironment,
  withoutCredentials,
} from '../environment.ts';
import { type FakeAnswer, type FakeHandler, type FakeService, startFakeService } from '../fake-service.ts';
import { selfSigned } from '../self-signed.ts';

const MODEL = 'amazon.nova-lite-v1:0';
const signal = new AbortController().signal;

let service: FakeService;
let environment: Disposable;
let answer: FakeHandler = echoed;

beforeAll(async () => {
  service = await startFakeService((request) => answer(request), { http2: true });
  environment = withEnvironment(awsVariables({ BEDROCK_RUNTIME: service.url }));
});

afterEach(() => {
  answer = echoed;
});

afterAll(async () => {
  environment[Symbol.dispose]();
  await service[Symbol.asyncDispose]();
});

interface Said {
  readonly messages: readonly { readonly content: readonly { readonly text: string }[] }[];
}

/** A model that says what it was told. */
function echoed({ json }: { readonly json: Readonly<Record<string, unknown>> }): FakeAnswer {
  const { messages } = json as unknown as Said;
  return said(messages.at(-1)?.content ?? []);
}

function said(content: readonly unknown[], stopReason = 'end_turn'): FakeAnswer {
  const usage = { inputTokens: 12, outputTokens: 3, totalTokens: 15 };
  const message = { role: 'assistant', content };
  return { body: { output: { message }, stopReason, usage, metrics: { latencyMs: 7 } } };
}

function refuse(status: number, type: string, fields: Readonly<Record<string, unknown>>): FakeHandler {
  return () => ({ status, headers: { 'x-amzn-errortype': type }, body: fields });
}

function handlerOf<Api extends BedrockApi = 'converse'>(options: Partial<BedrockModelHandlerOptions<Api>> = {}) {
  return new BedrockModelHandler<Api>({ modelId: MODEL, ...options });
}

async function ask(
  element: unknown,
  options: Partial<BedrockModelHandlerOptions<BedrockApi>> = {},
  inferenceArgs?: Readonly<Record<string, unknown>>,
): Promise<unknown> {
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

async function failureOf(options: Partial<BedrockModelHandlerOptions<BedrockApi>> = {}): Promise<EndpointError> {
  const error = await ask(options.api === 'invoke' ? {} : 'hello', options).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(EndpointError);
  const { message } = error as EndpointError;
  expect(message).toContain(`Bedrock model '${MODEL}'`);
  for (const secret of [AWS_SECRET_KEY, AWS_SESSION_TOKEN, 'AKIAEXAMPLE']) expect(message).not.toContain(secret);
  return error as EndpointError;
}

describe('BedrockModelHandler with Converse', () => {
  test('asks with one signed request an element', async () => {
    expect(await ask('hello', { system: 'Be short.', maxTokens: 50, temperature: 0 })).toEqual({
      text: 'hello',
      finishReason: 'end_turn',
      usage: { inputTokens: 12, outputTokens: 3 },
    });
    const request = service.requests.at(-1);
    expect(request?.path).toBe(`/model/${encodeURIComponent(MODEL)}/converse`);
    expect(request?.headers.authorization).toContain('/eu-central-1/bedrock/');
    expect(request?.json).toEqual({
      messages: [{ role: 'user', content: [{ text: 'hello' }] }],
      system: [{ text: 'Be short.' }],
      inferenceConfig: { maxTokens: 50, temperature: 0 },
    });
  });

  test('takes messages, of which those of the system stand apart', async () => {
    const messages = [
      { role: 'system', content: 'Own words.' },
      { role: 'user', content: [{ type: 'text', text: 'What is it?' }, { document: { name: 'a', format: 'txt' } }] },
      { role: 'assistant', content: 'It is' },
    ];
    await ask({ messages }, { system: 'Be short.' });
    expect(service.requests.at(-1)?.json).toMatchObject({
      messages: [
        { role: 'user', content: [{ text: 'What is it?' }, { document: { name: 'a', format: 'txt' } }] },
        { role: 'assistant', content: [{ text: 'It is' }] },
      ],
      system: [{ text: 'Own words.' }],
    });
  });

  test("sends an element's arguments where they belong", async () => {
    const inferenceArgs = { maxTokens: 9, stopSequences: ['.'], top_k: 5 };
    const additionalModelRequestFields = { top_k: 1, seed: 7 };
    await ask({ prompt: 'hello' }, { maxTokens: 50, temperature: 1, additionalModelRequestFields }, inferenceArgs);
    expect(service.requests.at(-1)?.json).toMatchObject({
      inferenceConfig: { maxTokens: 9, temperature: 1, stopSequences: ['.'] },
      additionalModelRequestFields: { top_k: 5, seed: 7 },
    });
  });

  test('gives the tools that the model wants', async () => {
    const toolUse = { toolUseId: 't1', name: 'weather', input: { city: 'Ulm' } };
    answer = () => said([{ text: 'Let me see.' }, { toolUse }], 'tool_use');
    expect(await ask('hello')).toMatchObject({
      text: 'Let me see.',
      finishReason: 'tool_use',
      toolCalls: [{ name: 'weather', input: { city: 'Ulm' } }],
    });
  });

  test.for<readonly [unknown, string]>([
    [7, 'must be text, { prompt } with text, or { messages }: got number'],
    [{ text: 'x' }, 'got an object without them'],
    [{ messages: [] }, "'messages' must be a list of at least one: got a list of 0"],
    [{ messages: [{ content: 'x' }] }, "must be an object with a 'role'"],
    [{ messages: [{ role: 'tool', content: 'x' }] }, "must be 'system', 'user' or 'assistant': got 'tool'"],
    [{ messages: [{ role: 'user', content: 7 }] }, "the 'content' of a message must be text"],
    [{ messages: [{ role: 'user', content: [{ type: 'image_url' }] }] }, "may have the type 'text' alone"],
  ])('refuses the element %o before it is sent', async ([element, message]) => {
    const before = service.requests.length;
    await expect(ask(element)).rejects.toMatchObject({
      name: 'InputMismatchError',
      message: expect.stringContaining(message),
    });
    expect(service.requests.length).toBe(before);
  });

  test.for(['content_filtered', 'guardrail_intervened'])('has no prediction that ends with %s', async (stopReason) => {
    answer = () => said([{ text: 'Sorry.' }], stopReason);
    expect(await failureOf()).toMatchObject({ name: 'EndpointRefusedError', disposition: 'poison' });
  });

  test.for<readonly [string, FakeHandler, Readonly<Record<string, unknown>>]>([
    [
      'too many requests',
      refuse(429, 'ThrottlingException', { message: 'Too many tokens, please wait before trying again.' }),
      { name: 'EndpointThrottledError', disposition: 'throttle' },
    ],
    [
      "the account's quota",
      refuse(400, 'ServiceQuotaExceededException', { message: 'You can resubmit your request later.' }),
      { name: 'EndpointThrottledError', disposition: 'throttle' },
    ],
    ['a slow model', refuse(408, 'ModelTimeoutException', {}), { name: 'EndpointServerError', disposition: 'retry' }],
    [
      'a model that is being loaded',
      refuse(429, 'ModelNotReadyException', { message: 'not ready' }),
      { name: 'EndpointServerError', disposition: 'retry', retryAfterMillis: 5000 },
    ],
    [
      "the model's failure",
      refuse(424, 'ModelErrorException', { message: 'it broke', originalStatusCode: 500 }),
      { name: 'EndpointServerError', disposition: 'retry' },
    ],
    [
      "the model's own refusal",
      refuse(424, 'ModelErrorException', { message: 'no', originalStatusCode: 422 }),
      { name: 'EndpointRefusedError', disposition: 'poison' },
    ],
    [
      'a model whose own endpoint is busy',
      refuse(424, 'ModelErrorException', { message: 'busy', originalStatusCode: 429 }),
      { name: 'EndpointThrottledError', disposition: 'throttle' },
    ],
    [
      'a failure of the service',
      refuse(500, 'InternalServerException', { message: 'sorry' }),
      { name: 'EndpointServerError', disposition: 'retry' },
    ],
    [
      'a service that is not there now',
      refuse(503, 'ServiceUnavailableException', {}),
      { name: 'EndpointServerError', disposition: 'retry' },
    ],
    [
      'no access to the model',
      refuse(403, 'AccessDeniedException', { message: "You don't have access to the model with the specified ID." }),
      { name: 'EndpointCredentialsError', disposition: 'fatal', message: expect.stringContaining('have access') },
    ],
    [
      'a model that is not there',
      refuse(404, 'ResourceNotFoundException', { message: 'Could not resolve it' }),
      { name: 'EndpointModelError', disposition: 'fatal' },
    ],
    [
      "an id that is no model's",
      refuse(400, 'ValidationException', { message: 'The provided model identifier is invalid.' }),
      { name: 'EndpointModelError', disposition: 'fatal', message: expect.stringContaining('is invalid') },
    ],
    [
      'a model that wants an inference profile',
      refuse(400, 'ValidationException', {
        message: `Invocation of model ID ${MODEL} with on-demand throughput isn’t supported.`,
      }),
      { name: 'EndpointModelError', disposition: 'fatal' },
    ],
    [
      'an element that is too long',
      refuse(400, 'ValidationException', { message: 'Input is too long for requested model.' }),
      { name: 'EndpointRefusedError', disposition: 'poison', message: expect.stringContaining('too long') },
    ],
    [
      'a token of a session that is over',
      refuse(403, 'ExpiredTokenException', { message: 'The security token included in the request is expired' }),
      { name: 'EndpointCredentialsError', disposition: 'fatal' },
    ],
    [
      'a wrong signature, whose message quotes the headers',
      refuse(403, 'InvalidSignatureException', { message: `should be\nx-amz-security-token:${AWS_SESSION_TOKEN}` }),
      { name: 'EndpointCredentialsError', disposition: 'fatal' },
    ],
    [
      'a page instead of an exception',
      () => ({ status: 502, headers: { 'content-type': 'text/html' }, body: '<html>' }),
      { name: 'EndpointServerError', disposition: 'retry' },
    ],
    ['an answer without a message', () => ({ body: {} }), { name: 'EndpointProtocolError', disposition: 'poison' }],
    [
      'an answer that is not JSON',
      () => ({ body: '<html>' }),
      { name: 'EndpointProtocolError', disposition: 'poison' },
    ],
    ['a connection that breaks', () => ({ hangUp: true }), { name: 'EndpointUnreachableError', disposition: 'retry' }],
  ])('tells what to do about %s', async ([, refusal, expected]) => {
    answer = refusal;
    const before = service.requests.length;
    expect(await failureOf()).toMatchObject(expected);
    // The engine's flow control tries again, not the SDK.
    expect(service.requests.length).toBe(before + 1);
  });

  test('says that there are no credentials, no region, no host', async () => {
    {
      using _ = withEnvironment({ ...withoutCredentials(), AWS_REGION: 'eu-central-1' });
      expect(await failureOf()).toMatchObject({ name: 'EndpointCredentialsError', disposition: 'fatal' });
    }
    {
      using _ = withEnvironment({ AWS_REGION: undefined });
      expect(await failureOf()).toMatchObject({ name: 'EndpointUnreachableError', disposition: 'fatal' });
    }
    using _ = withEnvironment({ AWS_ENDPOINT_URL_BEDROCK_RUNTIME: 'http://127.0.0.1:1' });
    expect(await failureOf()).toMatchObject({
      name: 'EndpointUnreachableError',
      disposition: 'retry',
      message: expect.stringContaining('nothing listens there'),
    });
  });

  test('trusts no certificate that nobody signed', async () => {
    await using tls = await startFakeService(echoed, { tls: await selfSigned() });
    using _ = withEnvironment({ AWS_ENDPOINT_URL_BEDROCK_RUNTIME: tls.url });
    expect(await failureOf()).toMatchObject({ name: 'EndpointTlsError', disposition: 'fatal' });
    expect(tls.requests).toEqual([]);
  });

  test('gives up when nobody waits any more', async () => {
    const gaveUp = new Error('nobody waits');
    const stop = new AbortController();
    answer = () => {
      stop.abort(gaveUp);
      return new Promise<FakeAnswer>(() => {});
    };
    const handler = handlerOf();
    const client = await handler.createClient();
    await expect(handler.request(['hello'], client, { signal: stop.signal })).rejects.toBe(gaveUp);
    client.runtime.destroy();
  });

  test('has as many requests under way as there are', async () => {
    const most = 150;
    const waiting: (() => void)[] = [];
    answer = (request) =>
      new Promise<FakeAnswer>((resolve) => {
        waiting.push(() => resolve(echoed(request)));
        if (waiting.length === most) for (const release of waiting) release();
      });
    const handler = handlerOf();
    const client = await handler.createClient();
    const answers = Array.from({ length: most }, (_, i) => handler.request([`${i}`], client, { signal }));
    const texts = (await Promise.all(answers)).flat().map(({ text }) => text);
    expect(texts).toEqual(Array.from({ length: most }, (_, i) => `${i}`));
    client.runtime.destroy();
  });
});

describe('BedrockModelHandler with InvokeModel', () => {
  test("sends an element as the model's body, and gives the model's answer", async () => {
    answer = () => ({ body: { embedding: [0.5, 1] } });
    const element = { inputText: 'hello', dimensions: 256 };
    expect(await ask(element, { api: 'invoke' }, { dimensions: 2 })).toEqual({ embedding: [0.5, 1] });
    expect(service.requests.at(-1)?.path).toBe(`/model/${encodeURIComponent(MODEL)}/invoke`);
    expect(service.requests.at(-1)?.json).toEqual({ inputText: 'hello', dimensions: 2 });
  });

  test('refuses an element that is no body', async () => {
    await expect(ask('hello', { api: 'invoke' })).rejects.toThrow("must be the model's request body, an object");
  });

  test('is not content with an answer that is not JSON', async () => {
    answer = () => ({ body: '<html>' });
    expect(await failureOf({ api: 'invoke' })).toMatchObject({ name: 'EndpointProtocolError', disposition: 'poison' });
  });
});

describe('a BedrockModelHandler', () => {
  test.for<readonly [modelId: string, region: string | undefined, arns: readonly string[]]>([
    [MODEL, 'eu-west-1', [`arn:aws:bedrock:eu-west-1::foundation-model/${MODEL}`]],
    ['zai.glm-4.7', undefined, ['arn:aws:bedrock:*::foundation-model/zai.glm-4.7']],
    [
      `eu.${MODEL}`,
      'eu-west-1',
      [`arn:aws:bedrock:eu-west-1:*:inference-profile/eu.${MODEL}`, `arn:aws:bedrock:*::foundation-model/${MODEL}`],
    ],
    [
      `global.${MODEL}`,
      undefined,
      [
        `arn:aws:bedrock:*:*:inference-profile/global.${MODEL}`,
        `arn:aws:bedrock:*::foundation-model/${MODEL}`,
        `arn:aws:bedrock:::foundation-model/${MODEL}`,
      ],
    ],
    [
      `us-gov.${MODEL}`,
      'us-gov-west-1',
      [
        `arn:aws-us-gov:bedrock:us-gov-west-1:*:inference-profile/us-gov.${MODEL}`,
        `arn:aws-us-gov:bedrock:*::foundation-model/${MODEL}`,
      ],
    ],
    [
      `arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.${MODEL}`,
      undefined,
      [
        `arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.${MODEL}`,
        `arn:aws:bedrock:*::foundation-model/${MODEL}`,
      ],
    ],
    [
      'arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc',
      undefined,
      [
        'arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc',
        'arn:aws:bedrock:*::foundation-model/*',
      ],
    ],
    [
      'arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abc',
      undefined,
      ['arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abc'],
    ],
  ])('for %s in %s may call that, and no other', ([modelId, region, arns]) => {
    expect(modelArns(modelId, region)).toEqual(arns);
    const handler = handlerOf({ modelId, ...(region !== undefined && { region }) });
    expect(handler.permissions).toEqual([{ actions: ['bedrock:InvokeModel'], resources: arns }]);
  });

  test('is shown as its model', async () => {
    expect(await handlerOf().describe()).toEqual({ label: MODEL, digest: MODEL, isUnasked: true });
    const modelId = 'arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abc';
    expect(await handlerOf({ modelId }).describe()).toEqual({ label: 'abc', digest: modelId, isUnasked: true });
  });

  test.for<readonly [Partial<BedrockModelHandlerOptions<BedrockApi>>, RegExp]>([
    [{ modelId: '' }, /'modelId' must be a model's id/],
    [{ api: 'chat' as 'converse' }, /'api' must be 'converse' or 'invoke'/],
    [{ maxBatchSize: 8 }, /'maxBatchSize' must be 1, .* current value is 8/],
    [{ minBatchSize: 8 }, /'minBatchSize' must be 1/],
    [{ api: 'invoke', maxTokens: 5 }, /'maxTokens' must be left out with the api 'invoke'/],
  ])('refuses the options %o', ([options, message]) => {
    expect(() => handlerOf<BedrockApi>(options)).toThrow(message);
  });

  test('weighs elements by their tokens where a limit is on weight', () => {
    const rateLimits = [{ weight: 10_000, per: 'minute' }] as const;
    const { batching } = handlerOf({ rateLimits, system: 'Be short.', maxTokens: 100 });
    // 16 bytes of text are about 4 tokens, the system's 9 about 3; a message costs 4 more, an answer as many as it may.
    expect(batching.elementSizeFn?.('sixteen letters.')).toBe(100 + 3 + 4 + 4);
    expect(handlerOf({ rateLimits, api: 'invoke' }).batching.elementSizeFn?.({ a: 'sixteen' })).toBe(4);
    expect(handlerOf().batching.elementSizeFn).toBeUndefined();
    const own = handlerOf({ rateLimits, elementSizeFn: () => 7 });
    expect(own.batching.elementSizeFn?.('sixteen letters.')).toBe(7);
  });
});
