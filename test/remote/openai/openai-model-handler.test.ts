import { describe, expect, test } from 'vitest';
import { OpenAIModelHandler } from '../../../lib/remote/openai/openai-model-handler.ts';
import { describeEndpoint } from '../endpoint-contract.ts';
import { PAYLOAD } from '../endpoint-under-test.ts';
import {
  answered,
  handlerOf,
  KEY,
  type Options,
  refusal,
  request,
  said,
  smallModel,
  VARIABLES,
} from './small-model.ts';

const SERVER = {
  rightly: answered,
  environment: () => VARIABLES,
  withoutCredentials: { FABRIC_TEST_KEY: undefined },
  refusal: (status: number, message: string) => refusal(status, { message }),
  secrets: [KEY],
  repeating: (secret: string) => refusal(400, { message: `what is ${secret}?` }),
};

describeEndpoint('an OpenAIModelHandler for chats', {
  ...SERVER,
  handler: (url, options) => handlerOf(url, options),
  batch: [PAYLOAD],
  predictions: [{ text: PAYLOAD, finishReason: 'stop', usage: { inputTokens: 12, outputTokens: 3 } }],
  misfit: { text: 'hello' },
  strange: [
    [{ body: { ok: true } }, "JSON without a message in 'choices'", 'poison'],
    [{ body: { choices: [] } }, "JSON without a message in 'choices'", 'poison'],
    [said({ content: 7 }), "a message whose 'content' is not a text", 'poison'],
    [{ body: `<html><title>Sign in</title>${PAYLOAD}` }, "an HTML page, 'Sign in'", 'retry'],
    [{ body: '' }, 'nothing', 'retry'],
  ],
});

describeEndpoint('an OpenAIModelHandler for embeddings', {
  ...SERVER,
  handler: (url, options) => handlerOf<'embeddings'>(url, { task: 'embeddings', ...options }),
  batch: [PAYLOAD, 'two'],
  predictions: [
    [PAYLOAD.length, 0.5],
    [3, 0.5],
  ],
  misfit: 7,
  strange: [
    [{ body: { data: [{ index: 0, embedding: [1] }] } }, '1 embeddings for 2 texts', 'poison'],
    [{ body: { ok: true } }, "without a list of 'data'", 'poison'],
    [{ body: `[${PAYLOAD}` }, 'a body that is not JSON', 'retry'],
  ],
});

describe('an OpenAIModelHandler', () => {
  const service = smallModel();

  test('wants no key where a server wants none', async () => {
    const handler = new OpenAIModelHandler({ endpoint: service.url, modelName: 'small' });
    await request(handler, ['hello']);
    expect(service.requests.at(-1)?.headers.authorization).toBeUndefined();
    expect(service.requests.at(-1)?.path).toBe('/chat/completions');
    expect(handler.secretReferences).toEqual([]);
  });

  test('sends other headers, secret ones too', async () => {
    const secretHeaders = { 'api-key': { env: 'FABRIC_TEST_KEY' } };
    const handler = handlerOf(service.url, { headers: { 'openai-organization': 'org-1' }, secretHeaders });
    await request(handler, ['hello']);
    expect(service.requests.at(-1)?.headers).toMatchObject({ 'openai-organization': 'org-1', 'api-key': KEY });
    expect(handler.secretReferences).toEqual([{ env: 'FABRIC_TEST_KEY' }, { env: 'FABRIC_TEST_KEY' }]);
  });

  test('is shown as its model', async () => {
    expect(await handlerOf(service.url).describe()).toEqual({ label: 'small', isUnasked: true });
  });

  test('weighs elements by their tokens where a limit is on weight', () => {
    const rateLimits = [{ weight: 10_000, per: 'minute' }] as const;
    const { batching } = handlerOf(service.url, { rateLimits, system: 'Be short.', maxTokens: 100 });
    expect(batching.elementSizeFn?.('sixteen letters.')).toBe(100 + 3 + 4 + 4);
    const messages = [{ role: 'user', content: [{ type: 'text', text: 'sixteen letters.' }] }];
    expect(batching.elementSizeFn?.({ messages })).toBe(100 + 3 + 4 + 4);
    expect(batching.elementSizeFn?.({ messages, max_tokens: 10 })).toBe(10 + 3 + 4 + 4);
    expect(batching.elementSizeFn?.({ custom_id: 'a', body: { messages } })).toBe(100 + 3 + 4 + 4);
    expect(handlerOf(service.url).batching.elementSizeFn).toBeUndefined();
  });

  test.for<readonly [Readonly<Record<string, unknown>>, RegExp]>([
    [{ modelName: '' }, /'modelName' must be a model's name/],
    [{ endpoint: 'api.openai.com' }, /'endpoint' must be an http:\/\/ or https:\/\/ URL/],
    [{ task: 'completions' }, /'task' must be 'chat' or 'embeddings'/],
    [{ apiKey: KEY }, /'apiKey' must be a reference, \{ env \}/],
    [{ secretHeaders: { 'x-key': KEY } }, /'secretHeaders.x-key' must be a reference/],
    [{ headers: { authorization: `Bearer ${KEY}` } }, /'headers' must not contain 'authorization'/],
    [{ maxBatchSize: 8 }, /'maxBatchSize' must be 1, .* current value is 8/],
    [{ dimensions: 8 }, /'dimensions' must not be set if 'task' is 'chat'/],
    [{ task: 'embeddings', system: 'a' }, /'system' must not be set if 'task' is 'embeddings'/],
    [{ extraBody: { stream: true } }, /'extraBody' must not set 'stream'/],
  ])('refuses the options %o', ([options, message]) => {
    const create = () => handlerOf(service.url, options as Options);
    expect(create).toThrow(message);
    expect(create).not.toThrow(KEY);
  });
});
