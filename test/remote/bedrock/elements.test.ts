import { describe, expect, test } from 'vitest';
import type { InferenceArgs } from '../../../lib/models/model-handler.ts';
import type { TokenUsage } from '../../../lib/remote/token-usage.ts';
import { ask, handlerOf, MODEL, novaLite, type Options } from './nova-lite.ts';

const service = novaLite();

/** The body that an element was asked with. */
async function bodyOf(element: unknown, options: Options = {}, args?: InferenceArgs) {
  await ask(element, options, args);
  return service.requests.at(-1)?.json;
}

const messages = [{ role: 'user', content: [{ text: 'hello' }] }];
const toolConfig = { tools: [{ toolSpec: { name: 'weather', inputSchema: { json: { type: 'object', extra: 1 } } } }] };

describe('an element of Converse', () => {
  test.for<readonly [string, unknown]>([
    ['messages', { messages, toolConfig, requestMetadata: { team: 'a' }, system: [{ text: 'Own.' }] }],
    ['a prompt', { prompt: 'hello', toolConfig, requestMetadata: { team: 'a' }, system: 'Own.' }],
    [
      'a record',
      {
        recordId: 'a',
        modelInput: {
          modelId: MODEL,
          messages,
          toolConfig,
          requestMetadata: { team: 'a' },
          system: [{ text: 'Own.' }],
        },
      },
    ],
  ])('with %s has all its parameters in its request', async ([, element]) => {
    expect(await bodyOf(element, { system: 'Be short.' })).toEqual({
      messages,
      system: [{ text: 'Own.' }],
      inferenceConfig: {},
      toolConfig,
      requestMetadata: { team: 'a' },
    });
  });

  test('puts options before nothing, then what it states, then arguments', async () => {
    const options = { maxTokens: 50, temperature: 1, additionalModelRequestFields: { top_k: 1, seed: 1, a: 1 } };
    const modelInput = {
      messages,
      inferenceConfig: { maxTokens: 60, topP: 0.5, stopSequences: ['.'] },
      additionalModelRequestFields: { top_k: 2, seed: 2 },
    };
    expect(await bodyOf({ recordId: 'a', modelInput }, options, { topP: 0.7, seed: 3 })).toMatchObject({
      inferenceConfig: { maxTokens: 60, temperature: 1, topP: 0.7, stopSequences: ['.'] },
      additionalModelRequestFields: { top_k: 2, seed: 3, a: 1 },
    });
    expect(await bodyOf({ prompt: 'hello', maxTokens: 7 }, options)).toMatchObject({
      inferenceConfig: { maxTokens: 7, temperature: 1 },
    });
  });

  test('has the bytes that JSON has as base64', async () => {
    const bytes = Buffer.from('a picture').toString('base64');
    const image = { format: 'png', source: { bytes } };
    const content = [{ text: 'What is it?' }, { image }];
    expect(await bodyOf({ messages: [{ role: 'user', content }] })).toMatchObject({
      messages: [{ content: [{ text: 'What is it?' }, { image: { format: 'png', source: { bytes } } }] }],
    });
    const raw = { format: 'png', source: { bytes: new Uint8Array(Buffer.from('a picture')) } };
    expect(await bodyOf({ messages: [{ role: 'user', content: [{ image: raw }] }] })).toMatchObject({
      messages: [{ content: [{ image }] }],
    });
  });

  test.for<readonly [unknown, string]>([
    [{ prompt: 'hello', label: 1 }, "an element has 'label', which Converse does not have"],
    [{ messages, max_tokens: 5 }, "an element has 'max_tokens', which Converse does not have"],
    [
      { recordId: 'a', modelInput: { anthropic_version: '1', messages } },
      "api: 'invoke' for the model's own request body",
    ],
    [{ recordId: 'a', modelInput: { messages, modelId: 'large' } }, "'modelId' is 'large', and the handler's"],
    [{ recordId: 'a', modelInput: { messages }, label: 1 }, "but 'recordId' and 'modelInput': got 'label'"],
    [{ recordId: 'a', modelInput: 'hello' }, "the 'modelInput' of a record must be an object: got string"],
    [{ recordId: 'a', modelInput: [messages] }, 'must be an object: got a list'],
    [{ messages, inferenceConfig: { topK: 5 } }, "Converse has no 'topK' in 'inferenceConfig'"],
    [{ messages, inferenceConfig: 5 }, "'inferenceConfig' must be an object"],
    [{ messages, system: 5 }, "'system' must be text, or a list of blocks"],
    [{ messages, toolConfig: { tools: [{ toolSpec: { title: 'a' } }] } }, "'title' in 'toolConfig.tools[0].toolSpec'"],
    [{ messages: [{ role: 'user', content: [{ txt: 'a' }] }] }, "no 'txt' in 'messages[0].content[0]'"],
    [
      { messages: [{ role: 'user', content: [{ image: { format: 'png', source: { bytes: 'not base64' } } }] }] },
      "'messages[0].content[0].image.source.bytes' must be bytes, in JSON as base64",
    ],
    [{ messages: [{ role: 'user', content: 'a', name: 'b' }] }, "a message has 'name', which Converse does not have"],
    [
      { messages: [{ role: 'user', content: [{ type: 'text', text: 'a', cache_control: {} }] }] },
      "can only have the type 'text'",
    ],
  ])('fails by name as %j, and is not sent', async ([element, message]) => {
    const before = service.requests.length;
    await expect(ask(element)).rejects.toMatchObject({
      name: 'InputMismatchError',
      message: expect.stringContaining(message),
    });
    expect(service.requests.length).toBe(before);
  });
});

describe('an element of InvokeModel', () => {
  const modelInput = { anthropic_version: 'bedrock-2023-05-31', max_tokens: 9, messages, top_k: 5 };

  test.for([{ recordId: 'a', modelInput }, { modelInput }, modelInput])('is sent whole as %j', async (element) => {
    service.answers(() => ({ body: {} }));
    expect(await bodyOf(element, { api: 'invoke' })).toEqual(modelInput);
    expect(await bodyOf(element, { api: 'invoke' }, { top_k: 7 })).toEqual({ ...modelInput, top_k: 7 });
  });

  test('is not sent where a record has what no record has', async () => {
    await expect(ask({ recordId: 'a', modelInput, label: 1 }, { api: 'invoke' })).rejects.toThrow("got 'label'");
  });
});

describe('a BedrockModelHandler', () => {
  test('leaves out fields that are the pipeline’s, unless the API has them', () => {
    const record = { recordId: 'a', modelInput: { prompt: 'b' }, label: 1 };
    const names = ['label', 'recordId', 'system', 'meta.id'];
    const [converse, invoke] = [handlerOf(), handlerOf({ api: 'invoke' })];
    expect(converse.idField).toBe('recordId');
    for (const handler of [converse, invoke]) {
      expect(handler.withoutPipelineFields(record, names)).toEqual({ recordId: 'a', modelInput: { prompt: 'b' } });
    }
    const element = { prompt: 'b', label: 1, system: 'c', meta: { id: 1 } };
    expect(converse.withoutPipelineFields(element, names)).toEqual({ prompt: 'b', system: 'c' });
    expect(invoke.withoutPipelineFields(element, names)).toEqual(element);
  });

  test('reports the tokens that an answer was counted for, also of one that a filter withheld', async () => {
    const usage = {
      inputTokens: 10,
      outputTokens: 3,
      totalTokens: 113,
      cacheReadInputTokens: 60,
      cacheWriteInputTokens: 40,
    };
    const output = { message: { role: 'assistant', content: [{ text: 'a' }] } };
    const counted = { inputTokens: 110, cachedInputTokens: 60, outputTokens: 3, reasoningTokens: 0 };
    for (const stopReason of ['end_turn', 'content_filtered']) {
      service.answers(() => ({ body: { output, stopReason, usage } }));
      expect(await usageOf({ prompt: 'hello' })).toEqual([counted]);
    }
    service.answers(() => ({ body: { output, stopReason: 'end_turn' } }));
    expect(await usageOf({ prompt: 'hello' })).toEqual([]);
  });

  test('reports the tokens that the headers of an answer of InvokeModel have', async () => {
    const headers = {
      'x-amzn-bedrock-input-token-count': '10',
      'x-amzn-bedrock-output-token-count': '3',
      'x-amzn-bedrock-cache-read-input-token-count': '5',
    };
    service.answers(() => ({ headers, body: {} }));
    const counted = { inputTokens: 15, cachedInputTokens: 5, outputTokens: 3, reasoningTokens: 0 };
    expect(await usageOf({ a: 1 }, { api: 'invoke' })).toEqual([counted]);
    service.answers(() => ({ body: {} }));
    expect(await usageOf({ a: 1 }, { api: 'invoke' })).toEqual([]);
  });
});

async function usageOf(element: unknown, options: Options = {}): Promise<readonly TokenUsage[]> {
  const handler = handlerOf(options as Options & { readonly api?: 'converse' });
  const client = await handler.createClient();
  const reported: TokenUsage[] = [];
  const request = {
    signal: new AbortController().signal,
    reportUsage: (usage: TokenUsage) => void reported.push(usage),
  };
  await handler.request([element as string], client, request).catch(() => {});
  client.runtime.destroy();
  return reported;
}
