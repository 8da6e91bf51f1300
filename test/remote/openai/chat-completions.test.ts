import { describe, expect, test } from 'vitest';
import type { InferenceArgs } from '../../../lib/models/model-handler.ts';
import { maxTokensFieldOf } from '../../../lib/remote/openai/chat-completions.ts';
import type { FakeAnswer } from '../fake-service.ts';
import { failureOf, handlerOf, KEY, type Options, request, said, smallModel } from './small-model.ts';

const service = smallModel();

async function chat(element: unknown, options: Options = {}, args?: InferenceArgs) {
  const [prediction] = await request(handlerOf(service.url, options), [element], args);
  return prediction;
}

describe("a chat with a model of OpenAI's API", () => {
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

  test.for<readonly [FakeAnswer, Readonly<Record<string, unknown>>]>([
    [said({ content: 'cut o' }, 'length'), { text: 'cut o', finishReason: 'length' }],
    [said({ content: [{ type: 'thinking' }, { type: 'text', text: 'a' }, { text: 'b' }] }), { text: 'ab' }],
    [said({ content: null, tool_calls: [{ id: 't' }] }, 'tool_calls'), { text: '', toolCalls: [{ id: 't' }] }],
  ])('makes a prediction of %o', async ([body, prediction]) => {
    service.answers(() => body);
    expect(await chat('hello')).toMatchObject(prediction);
  });

  test('has no usage where the server does not say', async () => {
    service.answers(() => ({ body: { choices: [{ message: { content: 'a' }, finish_reason: 'stop' }] } }));
    expect(await chat('hello')).toEqual({ text: 'a', finishReason: 'stop' });
  });

  test('has no prediction that a filter stops', async () => {
    service.answers(() => said({ content: 'so' }, 'content_filter'));
    expect(await failureOf(chat('hello'))).toMatchObject({ name: 'EndpointRefusedError', disposition: 'poison' });
  });

  test('has no prediction where the model would not answer, nor its words, which may quote the element', async () => {
    service.answers(() => said({ content: null, refusal: 'I can not help with hello.' }));
    expect(await failureOf(chat('hello'))).toMatchObject({
      name: 'EndpointRefusedError',
      disposition: 'poison',
      message: expect.not.stringContaining('help with'),
    });
  });

  test('calls the length of an answer what the server does', () => {
    expect(maxTokensFieldOf('https://api.openai.com/v1')).toBe('max_completion_tokens');
    expect(maxTokensFieldOf('https://eu.api.openai.com/v1')).toBe('max_completion_tokens');
    expect(maxTokensFieldOf('https://us.openai.azure.com/openai/v1')).toBe('max_completion_tokens');
    expect(maxTokensFieldOf('http://vllm.internal:8000/v1')).toBe('max_tokens');
  });
});
