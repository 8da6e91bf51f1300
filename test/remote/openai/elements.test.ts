import { describe, expect, test } from 'vitest';
import type { InferenceArgs } from '../../../lib/models/model-handler.ts';
import { handlerOf, type Options, refusal, request, smallModel } from './small-model.ts';

const service = smallModel();

const messages = [{ role: 'user', content: 'hello' }];

/** The body that a chat's element was asked with. */
async function bodyOf(element: unknown, options: Options = {}, args?: InferenceArgs) {
  await request(handlerOf(service.url, options), [element], args);
  return service.requests.at(-1)?.json;
}

function line(body: Readonly<Record<string, unknown>>, envelope: Readonly<Record<string, unknown>> = {}) {
  return { custom_id: 'a', method: 'POST', url: '/v1/chat/completions', body: { messages, ...body }, ...envelope };
}

const PARAMS = {
  temperature: 0.3,
  max_tokens: 9,
  response_format: { type: 'json_object' },
  seed: 7,
  stop: ['.'],
  tools: [{ type: 'function', function: { name: 'weather' } }],
  logit_bias: { 50256: -100 },
  top_k: 5,
  stream: false,
  n: 1,
  user: null,
};

describe('an element of a chat', () => {
  test.for<readonly [string, unknown]>([
    ['messages', { messages, ...PARAMS }],
    ['a prompt', { prompt: 'hello', ...PARAMS }],
    ['messages and its own id', { custom_id: 'a', messages, ...PARAMS }],
    ['a batch line', line(PARAMS)],
    ['a batch line that names the model', line({ model: 'small', ...PARAMS })],
    ['a batch line as Mistral has them', { custom_id: 'a', body: { messages, ...PARAMS } }],
    ['a batch line as Azure has them', line(PARAMS, { url: '/chat/completions' })],
    ['a batch line of a path with its own version', line(PARAMS, { url: '/v1beta/openai/chat/completions' })],
  ])('with %s has all its parameters in its request', async ([, element]) => {
    expect(await bodyOf(element)).toEqual({ model: 'small', messages, ...PARAMS });
  });

  test.for<readonly [string, unknown, InferenceArgs | undefined, Readonly<Record<string, unknown>>]>([
    ['options before nothing', 'hello', undefined, { temperature: 0, max_tokens: 50, top_p: 0.1, seed: 1 }],
    [
      'what the element states before options and extraBody',
      { messages, temperature: 0.5, seed: 2, max_tokens: 60, response_format: { type: 'text' } },
      undefined,
      { temperature: 0.5, max_tokens: 60, top_p: 0.1, seed: 2, response_format: { type: 'text' } },
    ],
    [
      'the body of a batch line before options and extraBody',
      line({ temperature: 0.5, seed: 2 }),
      undefined,
      { temperature: 0.5, max_tokens: 50, top_p: 0.1, seed: 2 },
    ],
    [
      'arguments before all else',
      line({ temperature: 0.5, seed: 2, top_k: 3 }),
      { seed: 3, max_completion_tokens: 70 },
      { temperature: 0.5, max_completion_tokens: 70, top_p: 0.1, seed: 3, top_k: 3 },
    ],
    [
      'one limit of tokens, whatever it is called',
      { messages, max_completion_tokens: 60 },
      undefined,
      { temperature: 0, max_completion_tokens: 60, top_p: 0.1, seed: 1 },
    ],
    [
      'an option before a field that is undefined',
      { messages, temperature: undefined, seed: undefined },
      undefined,
      { temperature: 0, max_tokens: 50, top_p: 0.1, seed: 1 },
    ],
  ])('puts %s', async ([, element, args, body]) => {
    const { response_format = { type: 'json_object' }, ...others } = body;
    const options = {
      temperature: 0,
      maxTokens: 50,
      responseFormat: { type: 'json_object' },
      extraBody: { top_p: 0.1, seed: 1 },
    };
    expect(await bodyOf(element, options, args)).toEqual({ model: 'small', messages, response_format, ...others });
  });

  test('has one limit of tokens where extraBody calls it otherwise than the option', async () => {
    expect(await bodyOf('hello', { maxTokens: 50, extraBody: { max_completion_tokens: 40 } })).toEqual({
      model: 'small',
      messages,
      max_completion_tokens: 40,
    });
  });

  test.for<readonly [unknown, string]>([
    [{ messages, stream: true }, "'stream' must be false"],
    [line({ stream: 'yes' }), "'stream' must be false"],
    [{ messages, n: 2 }, "'n' must be 1, as each element has one prediction: got 2"],
    [line({ n: '3' }), "'n' must be 1"],
    [{ messages, seed: 2 ** 53 }, "'seed' must be an integer of at most 2^53 - 1"],
    [line({ model: 'large' }), "'model' is 'large', and the handler's 'small': set modelName: { field: 'model' }"],
    [{ prompt: 'hello', model: null }, "'model' is null"],
    [line({}, { url: '/v1/completions' }), "must be that of the handler's API, '/v1/chat/completions': got '/v1/com"],
    [line({}, { url: '/v1/embeddings' }), "got '/v1/embeddings'"],
    [line({}, { url: 'https://elsewhere.example/v1/chat/completions' }), "got 'https://elsewhere.example"],
    [line({}, { method: 'GET' }), "the 'method' of a batch line must be 'POST': got 'GET'"],
    [line({}, { method: 7 }), "the 'method' of a batch line must be 'POST': got number"],
    [line({}, { metadata: {} }), "no fields but 'custom_id', 'method', 'url' and 'body': got 'metadata'"],
    [{ custom_id: 'a', params: { messages } }, "got 'params'"],
    [{ custom_id: 'a' }, "the 'body' of a batch line must be an object: got undefined"],
    [{ custom_id: 'a', body: [messages] }, "the 'body' of a batch line must be an object: got a list"],
    [{ custom_id: 'a', body: { input: 'hello' } }, "an object without them, which has 'input'"],
    [{ messages, prompt: 'hello' }, "'messages' or 'prompt': got both"],
    [{ text: 'hello', label: 1 }, "an object without them, which has 'text', 'label'"],
  ])('fails by name as %j, and is not sent', async ([element, message]) => {
    const before = service.requests.length;
    await expect(bodyOf(element)).rejects.toMatchObject({
      name: 'InputMismatchError',
      message: expect.stringContaining(message),
    });
    expect(service.requests.length).toBe(before);
  });
});

describe("an OpenAIModelHandler with modelName: { field: 'model' }", () => {
  const modelName = { field: 'model' } as const;

  test.for([line({ model: 'large' }), { prompt: 'hello', model: 'large' }])(
    'asks the model that %j names',
    async (element) => {
      expect(await bodyOf(element, { modelName })).toEqual({ model: 'large', messages });
      expect(handlerOf(service.url, { modelName }).modelOf(element)).toBe('large');
    },
  );

  test.for(['hello', line({}), { messages, model: '' }])('fails %j, which names none', async (element) => {
    await expect(bodyOf(element, { modelName })).rejects.toThrow("must name its model in 'model'");
  });

  test.for([
    refusal(404, { message: 'The model `large` does not exist', code: 'model_not_found' }),
    refusal(403, { message: 'Your project has no access to it', code: 'model_not_found' }),
    refusal(404, { message: "model 'large' not found" }),
  ])('fails the element alone whose model is unknown', async (answer) => {
    service.answers(() => answer);
    await expect(bodyOf(line({ model: 'large' }), { modelName })).rejects.toMatchObject({
      name: 'EndpointModelError',
      disposition: 'poison',
    });
  });

  test('ends the run where its address is wrong', async () => {
    service.answers(() => ({ status: 404, body: '<html><title>Not Found</title></html>' }));
    await expect(bodyOf(line({ model: 'large' }), { modelName })).rejects.toMatchObject({ disposition: 'fatal' });
  });

  test.for([{ field: 'engine' }, {}, ''])('refuses %j', (other) => {
    expect(() => handlerOf(service.url, { modelName: other as 'small' })).toThrow(
      /'modelName' must be a model's name, or \{ field: 'model' \}/,
    );
  });
});
