import { decodeInferResponse } from '../../lib/remote/open-inference/infer-response.ts';
import { readModelMetadata, readAcceptsBinary } from '../../lib/remote/open-inference/model-metadata.ts';
import { NotTheProtocolError } from '../../lib/remote/http/http-client.ts';
import { parseExactly, parseLenient } from '../../lib/remote/http/lenient-json.ts';
import { serverWords } from '../../lib/remote/http/server-words.ts';
import { converseInput, conversePrediction, converseUsage } from '../../lib/remote/bedrock/converse.ts';
import { modelInputOf } from '../../lib/remote/bedrock/bedrock-record.ts';
import { chatPrediction, chatRequest } from '../../lib/remote/openai/chat-completions.ts';
import { embeddingAsked } from '../../lib/remote/openai/embedding-element.ts';
import { embeddingsIn } from '../../lib/remote/openai/embeddings.ts';
import { openAIUsage } from '../../lib/remote/openai/openai-usage.ts';
import { decodeBody } from '../../lib/remote/sagemaker/content-types.ts';
import { csvValues } from '../../lib/remote/sagemaker/csv-body.ts';
import { pick } from '../simulation/chance.ts';
import { isOwnError, jsonOf, type Target, textSeeds } from './target.ts';

const ENDPOINT = 'http://127.0.0.1:1';
const messages = [
  { role: 'system', content: 's' },
  { role: 'user', content: [{ type: 'text', text: 'hi' }] },
];
const CHAT = { modelName: 'm', maxTokensField: 'max_tokens', maxTokens: 5 } as const;

/** Parses JSON as a client does, and gives the value to a reader; bytes that are not JSON never reach it. */
function ofJson(read: (value: unknown) => unknown): Target['parse'] {
  return (bytes) => {
    const value = jsonOf(bytes);
    if (value !== undefined) read(value);
  };
}

const inferResponse = {
  id: '1',
  model_name: 'm',
  outputs: [
    { name: 'y', datatype: 'FP32', shape: [2, 2], data: [1, 2, 3, 4] },
    { name: 'z', datatype: 'INT64', shape: [2], data: [1, 2 ** 53] },
    { name: 's', datatype: 'BYTES', shape: [2], data: ['a', 'b'] },
  ],
};
const binaryHeader = JSON.stringify({
  id: '1',
  outputs: [{ name: 'y', datatype: 'FP32', shape: [2], parameters: { binary_data_size: 8 } }],
});
const binaryResponse = Buffer.concat([Buffer.from(binaryHeader), Buffer.from(new Float32Array([1, 2]).buffer)]);

/** Bodies of servers, and elements that are requests to them. */
export const REMOTE_TARGETS: readonly Target[] = [
  {
    name: 'Open Inference responses',
    seeds: [...textSeeds(inferResponse, { ...inferResponse, outputs: [] }), binaryResponse],
    parse: (bytes, random) => {
      const length = pick(
        [String(binaryHeader.length), String(Math.floor(bytes.length / 2)), '-1', '1e3', null],
        random,
      );
      const text = (): string => bytes.toString();
      const headers = new Headers(length === null ? {} : { 'inference-header-content-length': length });
      const json = (): unknown => {
        const value = jsonOf(bytes);
        if (value === undefined) throw new NotTheProtocolError('no JSON');
        return value;
      };
      decodeInferResponse({ status: 200, headers, bytes, text, json }, { id: '1', rows: 2, outputNames: undefined });
    },
  },
  {
    name: 'Open Inference metadata',
    seeds: textSeeds(
      {
        name: 'm',
        versions: ['1'],
        platform: 'p',
        inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 3] }],
        outputs: [{ name: 'y', datatype: 'FP32', shape: [-1] }],
      },
      { name: 's', version: '1', extensions: ['binary_tensor_data'] },
    ),
    parse: ofJson((value) => [readAcceptsBinary(value), readModelMetadata(value)]),
  },
  {
    name: 'OpenAI answers',
    seeds: textSeeds(
      {
        choices: [{ message: { content: 'hi', tool_calls: [{}] }, finish_reason: 'stop' }],
        usage: { prompt_tokens: 1, completion_tokens: 2 },
      },
      {
        data: [
          { index: 0, embedding: [1, 2] },
          { index: 1, embedding: [3, 4] },
        ],
        usage: { prompt_tokens: 3 },
      },
    ),
    parse: ofJson((value) => {
      openAIUsage(value);
      for (const read of [() => chatPrediction(value, ENDPOINT), () => embeddingsIn(value, 2)]) documented(read);
    }),
  },
  {
    name: 'OpenAI elements',
    seeds: textSeeds(
      { messages, temperature: 0 },
      { custom_id: 'a', method: 'POST', url: '/v1/chat/completions', body: { messages, max_tokens: 3 } },
      { prompt: 'hi' },
      { input: ['a', 'b'], dimensions: 2 },
      { __proto__: 1, model: 'x', messages },
    ),
    parse: ofJson((value) => {
      for (const read of [() => chatRequest(value, CHAT), () => embeddingAsked(value, 'm')]) documented(read);
    }),
  },
  {
    name: 'Bedrock bodies',
    seeds: textSeeds(
      {
        output: { message: { role: 'assistant', content: [{ text: 'hi' }] } },
        stopReason: 'end_turn',
        usage: { inputTokens: 1, outputTokens: 2 },
      },
      { recordId: 'r', modelInput: { messages, inferenceConfig: { maxTokens: 3 } } },
      { messages, system: 's', toolConfig: { tools: [] } },
    ),
    parse: ofJson((value) => {
      if (typeof value !== 'object' || value === null) return;
      documented(() => modelInputOf(value));
      documented(() => converseInput(value, {}));
      // The SDK gives values the types of its model, and drops values of other types.
      if (isConverseAnswer(value)) documented(() => [converseUsage(value), conversePrediction(value, ENDPOINT)]);
    }),
  },
  {
    name: 'SageMaker bodies',
    seeds: textSeeds({ predictions: [1, 2] }, [[1], [2]], '1,2\n"a""b",3\n', '{"a":1}\n{"a":2}\n'),
    parse: (bytes, random) => {
      decodeBody(
        bytes,
        pick(['application/json', 'application/jsonlines', 'text/csv', 'x', 'TEXT/CSV; a=b'], random),
        2,
      );
      csvValues(bytes.toString().split('\n')[0] ?? '');
    },
  },
  {
    name: 'JSON of servers',
    seeds: textSeeds(
      '{"a": NaN, "b": [Infinity, -Infinity], "c": "NaN\\""}',
      '{"x": 12345678901234567890}',
      '"\\"\\""',
    ),
    parse: (bytes) => {
      const text = bytes.toString();
      if (parseLenient(text) !== undefined) parseExactly(text);
    },
  },
  {
    name: 'refusals of servers',
    seeds: textSeeds(
      { error: { message: 'm' } },
      { detail: [{ loc: ['a', 1], msg: 'm' }] },
      '<html><head><title>Bad gateway</title>',
      'Traceback (most recent call last)\n  x\nValueError: y',
    ),
    parse: (bytes) => serverWords(bytes.toString(), (words) => words),
  },
];

interface ConverseAnswer {
  readonly $metadata: object;
}

/** Returns true for a value whose fields have the types of Converse's answers. */
function isConverseAnswer(value: object): value is ConverseAnswer & Parameters<typeof converseUsage>[0] {
  const { output, usage } = value as { readonly output?: unknown; readonly usage?: unknown };
  const content = (output as { readonly message?: { readonly content?: unknown } } | undefined)?.message?.content;
  const isUsage = usage === undefined || (typeof usage === 'object' && usage !== null);
  return isUsage && Array.isArray(content) && content.every((block) => typeof block === 'object' && block !== null);
}

/** Runs a reader, and accepts its documented errors. */
function documented(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    if (!isOwnError(error)) throw error;
  }
}
