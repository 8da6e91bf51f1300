import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { EndpointError } from '../../../lib/remote/endpoint/endpoint-error.ts';
import { RemoteEndpoint } from '../../../lib/remote/endpoint/remote-endpoint.ts';
import { maxTokensFieldOf } from '../../../lib/remote/openai/chat-completions.ts';
import { OpenAIModelHandler } from '../../../lib/remote/openai/openai-model-handler.ts';
import type {
  OpenAIElements,
  OpenAIModelHandlerOptions,
  OpenAITask,
} from '../../../lib/remote/openai/openai-options.ts';
import type { RemoteModelHandler, RequestOptions } from '../../../lib/remote/remote-model-handler.ts';
import { Metrics } from '../../../lib/telemetry/metrics.ts';
import { withEnvironment } from '../environment.ts';
import { type FakeAnswer, type FakeHandler, type FakeService, startFakeService } from '../fake-service.ts';
import { askOptionsOf } from '../scripted-handler.ts';
import { selfSigned } from '../self-signed.ts';

const KEY = 'sk-live-0123456789-that-nobody-may-see';
/** As OpenAI shows a key that it does not know. */
const MASKED_KEY = 'sk-live-***********-see';
const signal = new AbortController().signal;

let service: FakeService;
let environment: Disposable;
let answer: FakeHandler = answered;

beforeAll(async () => {
  service = await startFakeService((request) => answer(request));
  environment = withEnvironment({ FABRIC_TEST_KEY: KEY });
});

afterEach(() => {
  answer = answered;
});

afterAll(async () => {
  environment[Symbol.dispose]();
  await service[Symbol.asyncDispose]();
});

/** A model that says what it was told, and another that counts letters. */
function answered({ path, json }: { readonly path: string; readonly json: Readonly<Record<string, unknown>> }) {
  if (path.endsWith('/embeddings')) {
    const data = (json['input'] as readonly string[]).map((text, index) => ({ index, embedding: [text.length, 0.5] }));
    return { body: { object: 'list', data, usage: { prompt_tokens: 5, total_tokens: 5 } } };
  }
  const messages = json['messages'] as readonly { readonly content: string }[];
  return said({ content: messages.at(-1)?.content });
}

function said(message: Readonly<Record<string, unknown>>, finish_reason = 'stop'): FakeAnswer {
  const usage = { prompt_tokens: 12, completion_tokens: 3, total_tokens: 15 };
  return { body: { choices: [{ index: 0, message: { role: 'assistant', ...message }, finish_reason }], usage } };
}

function refuse(status: number, error: unknown, headers: Readonly<Record<string, string>> = {}): FakeHandler {
  return () => ({ status, headers, body: { error } });
}

type Options<Task extends OpenAITask> = Partial<OpenAIModelHandlerOptions<Task>>;

function handlerOf<Task extends OpenAITask = 'chat'>(options: Options<Task> = {}): OpenAIModelHandler<Task> {
  return new OpenAIModelHandler<Task>({
    endpoint: `${service.url}/v1`,
    modelName: 'small',
    apiKey: { env: 'FABRIC_TEST_KEY' },
    ...options,
  });
}

async function request<Task extends OpenAITask>(
  handler: OpenAIModelHandler<Task>,
  batch: readonly unknown[],
  inferenceArgs?: Readonly<Record<string, unknown>>,
) {
  const options: RequestOptions = { signal, ...(inferenceArgs !== undefined && { inferenceArgs }) };
  const elements = batch as readonly OpenAIElements[Task]['input'][]; // What is wrong on purpose, too.
  return handler.request(elements, await handler.createClient(), options);
}

async function chat(element: unknown, options: Options<'chat'> = {}, args?: Readonly<Record<string, unknown>>) {
  const [prediction] = await request(handlerOf(options), [element], args);
  return prediction;
}

function embed(texts: readonly unknown[], options: Options<'embeddings'> = {}) {
  return request(handlerOf<'embeddings'>({ task: 'embeddings', ...options }), texts);
}

async function failureOf(options: Options<'chat'> = {}): Promise<EndpointError> {
  const error = await chat('hello', options).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(EndpointError);
  const { message } = error as EndpointError;
  for (const secret of [KEY, MASKED_KEY, KEY.slice(0, 8)]) expect(message).not.toContain(secret);
  return error as EndpointError;
}

describe('OpenAIModelHandler, chat', () => {
  test('asks with one request an element', async () => {
    const responseFormat = { type: 'json_object' };
    const options = { system: 'Be short.', maxTokens: 50, temperature: 0, responseFormat, extraBody: { seed: 7 } };
    expect(await chat('hello', options)).toEqual({
      text: 'hello',
      finishReason: 'stop',
      usage: { inputTokens: 12, outputTokens: 3 },
    });
    const sent = service.requests.at(-1);
    expect(sent?.path).toBe('/v1/chat/completions');
    expect(sent?.headers).toMatchObject({ authorization: `Bearer ${KEY}`, 'content-type': 'application/json' });
    expect(sent?.json).toEqual({
      model: 'small',
      messages: [
        { role: 'system', content: 'Be short.' },
        { role: 'user', content: 'hello' },
      ],
      max_tokens: 50,
      temperature: 0,
      response_format: responseFormat,
      seed: 7,
    });
  });

  test('wants no key where a server wants none', async () => {
    const handler = new OpenAIModelHandler({ endpoint: service.url, modelName: 'small' });
    await request(handler, ['hello']);
    expect(service.requests.at(-1)?.headers.authorization).toBeUndefined();
    expect(service.requests.at(-1)?.path).toBe('/chat/completions');
    expect(handler.secretReferences).toEqual([]);
  });

  test('sends other headers, secret ones too', async () => {
    const secretHeaders = { 'api-key': { env: 'FABRIC_TEST_KEY' } };
    const handler = handlerOf({ headers: { 'openai-organization': 'org-1' }, secretHeaders });
    await request(handler, ['hello']);
    expect(service.requests.at(-1)?.headers).toMatchObject({ 'openai-organization': 'org-1', 'api-key': KEY });
    expect(handler.secretReferences).toEqual([{ env: 'FABRIC_TEST_KEY' }, { env: 'FABRIC_TEST_KEY' }]);
  });

  test.for<readonly [unknown, readonly unknown[]]>([
    [
      { prompt: 'hello' },
      [
        { role: 'system', content: 'Be short.' },
        { role: 'user', content: 'hello' },
      ],
    ],
    [
      { messages: [{ role: 'user', content: [{ type: 'text', text: 'a' }], name: 'b' }] },
      [
        { role: 'system', content: 'Be short.' },
        { role: 'user', content: [{ type: 'text', text: 'a' }], name: 'b' },
      ],
    ],
    [
      {
        messages: [
          { role: 'developer', content: 'Own words.' },
          { role: 'user', content: 'a' },
        ],
      },
      [
        { role: 'developer', content: 'Own words.' },
        { role: 'user', content: 'a' },
      ],
    ],
  ])('takes %o', async ([element, messages]) => {
    await chat(element, { system: 'Be short.' });
    expect(service.requests.at(-1)?.json['messages']).toEqual(messages);
  });

  test("puts an element's arguments in the body, before all else", async () => {
    await chat(
      'hello',
      { maxTokens: 50, temperature: 0, extraBody: { seed: 7 } },
      { max_completion_tokens: 9, seed: 8 },
    );
    expect(service.requests.at(-1)?.json).toEqual({
      model: 'small',
      messages: [{ role: 'user', content: 'hello' }],
      max_completion_tokens: 9,
      temperature: 0,
      seed: 8,
    });
  });

  test.for(['stream', 'n', 'model', 'messages'])("lets no argument set the handler's own '%s'", async (name) => {
    await expect(chat('hello', {}, { [name]: 2 })).rejects.toThrow(`'inferenceArgs' must not set '${name}'`);
  });

  test('refuses what is no element of a chat before it is sent', async () => {
    const before = service.requests.length;
    await expect(chat({ text: 'hello' })).rejects.toMatchObject({ name: 'InputMismatchError' });
    expect(service.requests.length).toBe(before);
  });

  test.for<readonly [FakeAnswer, Readonly<Record<string, unknown>>]>([
    [said({ content: 'cut o' }, 'length'), { text: 'cut o', finishReason: 'length' }],
    [said({ content: [{ type: 'thinking' }, { type: 'text', text: 'a' }, { text: 'b' }] }), { text: 'ab' }],
    [said({ content: null, tool_calls: [{ id: 't' }] }, 'tool_calls'), { text: '', toolCalls: [{ id: 't' }] }],
  ])('makes a prediction of %o', async ([body, prediction]) => {
    answer = () => body;
    expect(await chat('hello')).toMatchObject(prediction);
  });

  test('has no usage where the server does not say', async () => {
    answer = () => ({ body: { choices: [{ message: { content: 'a' }, finish_reason: 'stop' }] } });
    expect(await chat('hello')).toEqual({ text: 'a', finishReason: 'stop' });
  });

  test.for<readonly [string, FakeHandler, Readonly<Record<string, unknown>>]>([
    [
      'too many requests',
      refuse(429, { message: 'Rate limit reached', code: 'rate_limit_exceeded' }),
      { name: 'EndpointThrottledError', disposition: 'throttle', retryAfterMillis: undefined },
    ],
    [
      'a time to wait, in seconds',
      refuse(429, {}, { 'retry-after': '3' }),
      { disposition: 'throttle', retryAfterMillis: 3000 },
    ],
    [
      'a time to wait, in milliseconds',
      refuse(429, {}, { 'retry-after': '3', 'retry-after-ms': '2750' }),
      { disposition: 'throttle', retryAfterMillis: 2750 },
    ],
    [
      'a limit of requests that is full',
      refuse(429, {}, { 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '1.5s' }),
      { disposition: 'throttle', retryAfterMillis: 1500 },
    ],
    [
      'limits of which only that of tokens is full',
      refuse(
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
      refuse(429, {
        message: 'You exceeded your current quota',
        type: 'insufficient_quota',
        code: 'insufficient_quota',
      }),
      { name: 'EndpointCredentialsError', disposition: 'fatal', message: expect.stringContaining('its bill paid') },
    ],
    [
      "a request that is larger than its tokens' limit, for which there is never room",
      refuse(429, {
        message: 'Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 40000.',
        type: 'tokens',
        code: 'rate_limit_exceeded',
      }),
      { name: 'EndpointRefusedError', disposition: 'poison' },
    ],
    [
      'a key that is not known, of which the server shows the ends',
      refuse(401, { message: `Incorrect API key provided: ${MASKED_KEY}`, code: 'invalid_api_key' }),
      { name: 'EndpointCredentialsError', disposition: 'fatal' },
    ],
    [
      'a server that repeats the key',
      refuse(400, { message: `what is ${KEY}?` }),
      { name: 'EndpointRefusedError', message: expect.stringContaining('what is ***?') },
    ],
    [
      'a model that is not there',
      refuse(404, { message: 'The model `small` does not exist', code: 'model_not_found' }),
      { name: 'EndpointModelError', disposition: 'fatal', message: expect.stringContaining('does not exist') },
    ],
    [
      "a model that is not this account's",
      refuse(403, { message: 'Project has no access to it', code: 'model_not_found' }),
      { name: 'EndpointModelError', disposition: 'fatal' },
    ],
    [
      'an element that is too long',
      refuse(400, { message: "This model's maximum context length is 8192", code: 'context_length_exceeded' }),
      {
        name: 'EndpointRefusedError',
        disposition: 'poison',
        message: expect.stringContaining('maximum context length'),
      },
    ],
    [
      'an element that a filter stops',
      refuse(400, { message: 'triggered the content management policy', code: 'content_filter' }),
      { name: 'EndpointRefusedError', disposition: 'poison' },
    ],
    [
      'an answer that a filter stops',
      () => said({ content: 'so' }, 'content_filter'),
      { name: 'EndpointRefusedError', disposition: 'poison' },
    ],
    [
      'a model that would not answer',
      () => said({ content: null, refusal: 'I can not help with hello.' }),
      { name: 'EndpointRefusedError', message: expect.not.stringContaining('help with') },
    ],
    ['a failure', refuse(500, { message: 'sorry' }), { name: 'EndpointServerError', disposition: 'retry' }],
    ['an overload', refuse(503, { message: 'overloaded' }), { name: 'EndpointServerError', disposition: 'retry' }],
    [
      'JSON of something else',
      () => ({ body: { ok: true } }),
      { name: 'EndpointProtocolError', disposition: 'poison' },
    ],
    ['content that is no text', () => said({ content: 7 }), { name: 'EndpointProtocolError', disposition: 'poison' }],
    ['a page', () => ({ body: '<html><title>Sign in</title></html>' }), { name: 'EndpointProtocolError' }],
    ['a connection that breaks', () => ({ hangUp: true }), { name: 'EndpointUnreachableError', disposition: 'retry' }],
  ])('tells what to do about %s', async ([, refusal, expected]) => {
    answer = refusal;
    const error = await failureOf();
    expect(error).toMatchObject(expected);
    expect(error.message).toMatch(/^model 'small' at http:\/\/127\.0\.0\.1:\d+\/v1 /);
  });

  test('says that there is no key, no host, no trust', async () => {
    const unset = { env: 'FABRIC_TEST_NO_KEY' };
    expect(await failureOf({ apiKey: unset })).toMatchObject({
      name: 'EndpointCredentialsError',
      disposition: 'fatal',
      message: 'Cannot read a secret: the environment variable FABRIC_TEST_NO_KEY is not set',
    });
    const gone = await startFakeService(answered);
    await gone[Symbol.asyncDispose]();
    expect(await failureOf({ endpoint: gone.url })).toMatchObject({
      name: 'EndpointUnreachableError',
      disposition: 'retry',
    });
    // No element of a million is to be tried in vain.
    const unreachable = new RemoteEndpoint({
      // Elements are of any type to an endpoint.
      handler: handlerOf({ endpoint: gone.url, numRetries: 0 }) as RemoteModelHandler<never> as RemoteModelHandler,
      metrics: new Metrics(),
    });
    expect(await unreachable.ask(['hello'], askOptionsOf(['hello']))).toMatchObject({ kind: 'failed', cause: 'fatal' });
    await using tls = await startFakeService(answered, { tls: await selfSigned() });
    expect(await failureOf({ endpoint: tls.url })).toMatchObject({ name: 'EndpointTlsError', disposition: 'fatal' });
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
  });
});

describe('OpenAIModelHandler, embeddings', () => {
  test('asks for a batch with one request', async () => {
    expect(await embed(['a', 'bcd'], { dimensions: 2, extraBody: { user: 'u' } })).toEqual([
      [1, 0.5],
      [3, 0.5],
    ]);
    expect(service.requests.at(-1)?.path).toBe('/v1/embeddings');
    expect(service.requests.at(-1)?.json).toEqual({ model: 'small', input: ['a', 'bcd'], dimensions: 2, user: 'u' });
  });

  test('puts the vectors in the order of their texts', async () => {
    const data = [
      { index: 2, embedding: [2] },
      { index: 0, embedding: [0] },
      { index: 1, embedding: [1] },
    ];
    answer = () => ({ body: { data } });
    expect(await embed(['a', 'b', 'c'])).toEqual([[0], [1], [2]]);
  });

  test('sends the texts that are some, and fails the others by themselves', async () => {
    const [first, second, third, fourth] = await embed(['', 'bcd', 7, 'e']);
    expect(service.requests.at(-1)?.json['input']).toEqual(['bcd', 'e']);
    expect([second, fourth]).toEqual([
      [3, 0.5],
      [1, 0.5],
    ]);
    expect(first).toMatchObject({ name: 'InputMismatchError', message: expect.stringContaining('got an empty one') });
    expect(third).toMatchObject({ name: 'InputMismatchError', message: expect.stringContaining('got number') });
    const before = service.requests.length;
    expect(await embed([''])).toMatchObject([{ name: 'InputMismatchError' }]);
    expect(service.requests.length).toBe(before);
  });

  test.for<readonly [unknown, string]>([
    [{ data: [{ index: 0, embedding: [1] }] }, '1 embeddings for 2 texts'],
    [
      {
        data: [
          { index: 0, embedding: [1] },
          { index: 0, embedding: [1] },
        ],
      },
      'no embedding of the index 1',
    ],
    [
      {
        data: [
          { index: 0, embedding: [1] },
          { index: 5, embedding: [1] },
        ],
      },
      'no embedding of the index 1',
    ],
    [
      {
        data: [
          { index: 0, embedding: 'AAAA' },
          { index: 1, embedding: [1] },
        ],
      },
      'no list of numbers',
    ],
    [{ data: [null, null] }, 'no list of numbers'],
    [{ embeddings: [] }, "without a list of 'data'"],
  ])('is not content with %o', async ([body, message]) => {
    answer = () => ({ body });
    await expect(embed(['a', 'b'])).rejects.toMatchObject({
      name: 'EndpointProtocolError',
      disposition: 'poison',
      message: expect.stringContaining(message),
    });
  });

  test('has batches of a fixed size that the API takes', () => {
    const { batching } = handlerOf<'embeddings'>({ task: 'embeddings' });
    expect(batching).toMatchObject({ minBatchSize: 256, maxBatchSize: 256, maxBatchWeight: 240_000 });
    expect(batching.elementSizeFn?.('sixteen letters.')).toBe(4);
    const smaller = handlerOf<'embeddings'>({
      task: 'embeddings',
      maxBatchSize: 32,
      rateLimits: [{ weight: 9000, per: 'minute' }],
    });
    expect(smaller.batching).toMatchObject({ minBatchSize: 32, maxBatchSize: 32, maxBatchWeight: 9000 });
    const own = handlerOf<'embeddings'>({ task: 'embeddings', maxBatchWeight: 70, elementSizeFn: () => 7 });
    expect(own.batching.elementSizeFn?.('sixteen letters.')).toBe(7);
    expect(() => handlerOf<'embeddings'>({ task: 'embeddings', maxBatchSize: 2049 })).toThrow(/at most 2048/);
  });
});

describe('an OpenAIModelHandler', () => {
  test('is shown as its model', async () => {
    expect(await handlerOf().describe()).toEqual({ label: 'small', isUnasked: true });
  });

  test('weighs elements by their tokens where a limit is on weight', () => {
    const rateLimits = [{ weight: 10_000, per: 'minute' }] as const;
    const { batching } = handlerOf({ rateLimits, system: 'Be short.', maxTokens: 100 });
    expect(batching.elementSizeFn?.('sixteen letters.')).toBe(100 + 3 + 4 + 4);
    const messages = [{ role: 'user', content: [{ type: 'text', text: 'sixteen letters.' }] }];
    expect(batching.elementSizeFn?.({ messages })).toBe(100 + 3 + 4 + 4);
    expect(handlerOf().batching.elementSizeFn).toBeUndefined();
  });

  test('calls the length of an answer what the server does', () => {
    expect(maxTokensFieldOf('https://api.openai.com/v1')).toBe('max_completion_tokens');
    expect(maxTokensFieldOf('https://eu.api.openai.com/v1')).toBe('max_completion_tokens');
    expect(maxTokensFieldOf('https://us.openai.azure.com/openai/v1')).toBe('max_completion_tokens');
    expect(maxTokensFieldOf('http://vllm.internal:8000/v1')).toBe('max_tokens');
  });

  test.for<readonly [Readonly<Record<string, unknown>>, RegExp]>([
    [{ modelName: '' }, /'modelName' must be a model's name/],
    [{ endpoint: 'api.openai.com' }, /'endpoint' must be an http:\/\/ or https:\/\/ URL/],
    [{ task: 'completions' }, /'task' must be 'chat' or 'embeddings'/],
    [{ apiKey: KEY }, /'apiKey' must be a reference, \{ env \}/],
    [{ secretHeaders: { 'x-key': KEY } }, /'secretHeaders.x-key' must be a reference/],
    [{ headers: { authorization: `Bearer ${KEY}` } }, /'headers' must not hold 'authorization'/],
    [{ maxBatchSize: 8 }, /'maxBatchSize' must be 1, .* current value is 8/],
    [{ dimensions: 8 }, /'dimensions' must be left out where 'task' is 'chat'/],
    [{ task: 'embeddings', system: 'a' }, /'system' must be left out where 'task' is 'embeddings'/],
    [{ extraBody: { stream: true } }, /'extraBody' must not set 'stream'/],
  ])('refuses the options %o', ([options, message]) => {
    const create = () => handlerOf(options as Options<'chat'>);
    expect(create).toThrow(message);
    expect(create).not.toThrow(KEY);
  });
});
