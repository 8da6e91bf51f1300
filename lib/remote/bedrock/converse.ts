import type {
  ContentBlock,
  ConverseCommandInput,
  ConverseCommandOutput,
  Message,
  SystemContentBlock,
} from '@aws-sdk/client-bedrock-runtime';
import { InputMismatchError } from '../../models/element-shape.ts';
import type { InferenceArgs } from '../../models/model-handler.ts';
import { type ChatMessage, chatParams, type ChatPrediction, isSystemMessage, messagesOf } from '../chat/chat.ts';
import { EndpointError } from '../endpoint/endpoint-error.ts';
import { shownValue } from '../shown-value.ts';
import type { TokenUsage } from '../token-usage.ts';
import { type ConverseOptions, converseParams } from './converse-params.ts';

/** Stop reasons of an answer that was withheld. */
const WITHHELD: Readonly<Record<string, string>> = {
  content_filtered: 'its content filter withheld the answer',
  guardrail_intervened: 'its guardrail withheld the answer',
};

/**
 * Returns the Converse request of an element.
 * https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
 *
 * @throws InputMismatchError if it is not an element of a chat.
 */
export function converseInput(
  element: unknown,
  options: ConverseOptions & { readonly modelId?: string },
  args: InferenceArgs = {},
): Omit<ConverseCommandInput, 'modelId'> {
  // Checked first, so that an element that is not a chat is not reported as one with wrong parameters.
  const own = messagesOf(element);
  const params = converseParams(chatParams(element), options, args);
  const messages = params.system.length === 0 ? messagesOf(element, options.system) : own;
  const systemBlocks = messages.filter(isSystemMessage).flatMap((message) => blocksOf(message) as SystemContentBlock[]);
  const { inferenceConfig, additionalModelRequestFields: fields } = params;
  return {
    ...params.others,
    messages: messages.filter((message) => !isSystemMessage(message)).map(converseMessage),
    system: [...params.system, ...systemBlocks],
    inferenceConfig,
    // The type is a document, which is any JSON.
    ...(Object.keys(fields).length > 0 && {
      additionalModelRequestFields: fields as ConverseCommandInput['additionalModelRequestFields'],
    }),
  };
}

/**
 * Returns the token counts that an answer reports. Bedrock counts those of the cache separately from the others.
 * https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html
 */
export function converseUsage({ usage }: ConverseCommandOutput): TokenUsage | undefined {
  if (usage?.inputTokens === undefined || usage.outputTokens === undefined) return undefined;
  const { inputTokens, outputTokens, cacheReadInputTokens = 0, cacheWriteInputTokens = 0 } = usage;
  return {
    inputTokens: inputTokens + cacheReadInputTokens + cacheWriteInputTokens,
    cachedInputTokens: cacheReadInputTokens,
    outputTokens,
    // Converse does not report them.
    reasoningTokens: 0,
  };
}

/** @returns undefined if the answer has no message @throws EndpointError if it was withheld */
export function conversePrediction(answer: ConverseCommandOutput, endpoint: string): ChatPrediction | undefined {
  const { output, stopReason, usage } = answer;
  const blocks = output?.message?.content;
  const withheld = WITHHELD[stopReason ?? ''];
  if (withheld !== undefined) {
    throw new EndpointError(`${endpoint} refused the element: ${withheld} (${stopReason})`, {
      name: 'EndpointRefusedError',
      disposition: 'poison',
    });
  }
  if (blocks === undefined || stopReason === undefined) return undefined;
  const toolCalls = blocks.flatMap(({ toolUse }) => toolUse ?? []);
  const { inputTokens, outputTokens } = usage ?? {};
  const isCounted = inputTokens !== undefined && outputTokens !== undefined;
  return {
    text: blocks.map(({ text = '' }) => text).join(''),
    finishReason: stopReason,
    ...(isCounted && { usage: { inputTokens, outputTokens } }),
    ...(toolCalls.length > 0 && { toolCalls }),
  };
}

function converseMessage(message: ChatMessage): Message {
  const { role } = message;
  const unknown = Object.keys(message).find((name) => name !== 'role' && name !== 'content');
  if (unknown !== undefined) {
    throw new InputMismatchError(`a message has ${shownValue(unknown)}, which Converse does not have`);
  }
  if (role === 'user' || role === 'assistant') return { role, content: blocksOf(message) };
  throw new InputMismatchError(
    `the 'role' of a message must be 'system', 'user' or 'assistant': got ${shownValue(role)}`,
  );
}

/** Converts text, parts of text in OpenAI's format, and Converse's own blocks, which stay unchanged. */
function blocksOf({ content }: ChatMessage): ContentBlock[] {
  if (typeof content === 'string') return [{ text: content }];
  if (!Array.isArray(content) || content.length === 0) {
    throw new InputMismatchError("the 'content' of a message must be text, or a list of at least one block");
  }
  return (content as readonly unknown[]).map(blockOf);
}

function blockOf(block: unknown): ContentBlock {
  if (typeof block !== 'object' || block === null) {
    throw new InputMismatchError(`a block of a message's 'content' must be an object: got ${typeof block}`);
  }
  if (!('type' in block)) return block as ContentBlock; // The API checks it.
  const isText = block.type === 'text' && 'text' in block && typeof block.text === 'string';
  if (isText && Object.keys(block).length === 2) return { text: block.text as string };
  const advice = 'use the format of Converse for other blocks, such as { image: { format, source } }';
  throw new InputMismatchError(`a block of a message's 'content' can only have the type 'text': ${advice}`);
}
