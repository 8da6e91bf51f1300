import type { InferenceArgs } from '../../models/model-handler.ts';
import { chatParams, type ChatPrediction, type ChatUsage, messagesOf } from '../chat/chat.ts';
import { EndpointError } from '../endpoint/endpoint-error.ts';
import { NotTheProtocolError } from '../http/http-client.ts';
import { askedIn, PATHS } from './batch-line.ts';
import { checkedArgs, checkedParams, mergedFields, modelFor, type ModelName } from './body-fields.ts';
import { fieldsOf } from './fields.ts';

/** Field for the maximum tokens of an answer. */
type MaxTokensField = 'max_completion_tokens' | 'max_tokens';

/** Returns the field that a server accepts. OpenAI's newer models refuse `max_tokens`; other servers may accept only that. */
export function maxTokensFieldOf(endpoint: string): MaxTokensField {
  return /\.openai(\.azure)?\.com$/.test(new URL(endpoint).hostname) ? 'max_completion_tokens' : 'max_tokens';
}

export interface ChatRequestOptions {
  readonly modelName: ModelName;
  readonly system?: string | undefined;
  readonly maxTokens?: number | undefined;
  readonly maxTokensField: MaxTokensField;
  readonly temperature?: number | undefined;
  readonly responseFormat?: Readonly<Record<string, unknown>> | undefined;
  readonly extraBody?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * Returns the body of POST /chat/completions for an element: the handler's options, then `extraBody`, then the
 * element's parameters, then the arguments; each takes precedence over the ones before it.
 * https://platform.openai.com/docs/api-reference/chat/create
 *
 * @throws InputMismatchError if it is not a chat element, or has parameters that can't be sent.
 */
export function chatRequest(element: unknown, options: ChatRequestOptions, inferenceArgs?: InferenceArgs): unknown {
  const { modelName, system, maxTokens, maxTokensField, temperature, responseFormat, extraBody = {} } = options;
  const asked = askedIn(element, PATHS.chat);
  const messages = messagesOf(asked, system);
  const params = chatParams(asked);
  const own = { [maxTokensField]: maxTokens, temperature, response_format: responseFormat };
  return {
    model: modelFor(params, modelName),
    messages,
    ...mergedFields([own, extraBody, checkedParams(params), checkedArgs(inferenceArgs)]),
  };
}

/** @throws NotTheProtocolError; EndpointError if the model or a filter refused this element. */
export function chatPrediction(body: unknown, endpoint: string): ChatPrediction {
  const { choices, usage } = fieldsOf(body);
  const choice: unknown = Array.isArray(choices) ? choices[0] : undefined;
  const { message, finish_reason: finishReason } = fieldsOf(choice);
  if (typeof message !== 'object' || message === null) {
    throw new NotTheProtocolError("JSON without a message in 'choices'");
  }
  const { content, refusal, tool_calls: toolCalls } = fieldsOf(message);
  if (finishReason === 'content_filter') throw refused(endpoint, 'its content filter withheld the answer');
  // The model's refusal may quote the element.
  if (typeof refusal === 'string' && refusal !== '') throw refused(endpoint, 'the model refused to answer');
  const counted = usageOf(usage);
  return {
    text: textOf(content),
    finishReason: typeof finishReason === 'string' ? finishReason : 'unknown',
    ...(counted !== undefined && { usage: counted }),
    ...(Array.isArray(toolCalls) && toolCalls.length > 0 && { toolCalls }),
  };
}

/** Returns the text of an answer, which may have parts; empty if there are only tool calls. */
function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (content === null || content === undefined) return '';
  if (!Array.isArray(content)) throw new NotTheProtocolError("a message whose 'content' is not a text");
  return content
    .map((part) => fieldsOf(part)['text'])
    .filter((text) => typeof text === 'string')
    .join('');
}

function usageOf(usage: unknown): ChatUsage | undefined {
  const { prompt_tokens: inputTokens, completion_tokens: outputTokens } = fieldsOf(usage);
  if (typeof inputTokens !== 'number' || typeof outputTokens !== 'number') return undefined;
  return { inputTokens, outputTokens };
}

function refused(endpoint: string, why: string): EndpointError {
  return new EndpointError(`${endpoint} refused the element: ${why}`, {
    name: 'EndpointRefusedError',
    disposition: 'poison',
  });
}
