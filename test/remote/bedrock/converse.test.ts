import { describe, expect, test } from 'vitest';
import { ask, failure, MODEL, novaLite, said } from './nova-lite.ts';

const service = novaLite();

describe('a chat with a model of Bedrock', () => {
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
    service.answers(() => said([{ text: 'Let me see.' }, { toolUse }], 'tool_use'));
    expect(await ask('hello')).toMatchObject({
      text: 'Let me see.',
      finishReason: 'tool_use',
      toolCalls: [{ name: 'weather', input: { city: 'Ulm' } }],
    });
  });

  test.for<readonly [unknown, string]>([
    [7, 'must be text, { prompt } with text, or { messages }: got number'],
    [{ text: 'x' }, 'got an object without them'],
    [{ messages: [] }, "'messages' must be a list of at least one message: got a list of 0"],
    [{ messages: [{ content: 'x' }] }, "must be an object with a 'role'"],
    [{ messages: [{ role: 'tool', content: 'x' }] }, "must be 'system', 'user' or 'assistant': got 'tool'"],
    [{ messages: [{ role: 'user', content: 7 }] }, "the 'content' of a message must be text"],
    [{ messages: [{ role: 'user', content: [{ type: 'image_url' }] }] }, "can only have the type 'text'"],
  ])('refuses the element %o before it is sent', async ([element, message]) => {
    const before = service.requests.length;
    await expect(ask(element)).rejects.toMatchObject({
      name: 'InputMismatchError',
      message: expect.stringContaining(message),
    });
    expect(service.requests.length).toBe(before);
  });

  test.for(['content_filtered', 'guardrail_intervened'])('has no prediction that ends with %s', async (stopReason) => {
    service.answers(() => said([{ text: 'Sorry.' }], stopReason));
    expect(await failure()).toMatchObject({ name: 'EndpointRefusedError', disposition: 'poison' });
  });
});
