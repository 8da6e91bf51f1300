import type {
  ContentBlock,
  ConverseCommandInput,
  ConverseCommandOutput,
  InferenceConfiguration,
  Message,
  SystemContentBlock,
} from '@aws-sdk/client-bedrock-runtime';
import { InputMismatchError } from '../../models/element-shape.ts';
import type { InferenceArgs } from '../../models/model-handler.ts';
import { type ChatMessage, type ChatPrediction, isSystemMessage, messagesOf } from '../chat/chat.ts';
import { EndpointError } from '../endpoint/endpoint-error.ts';

export interface ConverseOptions {
  readonly system?: string | undefined;
  readonly maxTokens?: number | undefined;
  readonly temperature?: number | undefined;
  readonly additionalModelRequestFields?: Readonly<Record<string, unknown>> | undefined;
}

/** The arguments that all models have; others are the model's own. */
const COMMON_ARGS = new Set(['maxTokens', 'temperature', 'topP', 'stopSequences']);

/** Ends of an answer that are no answer. */
const WITHHELD: Readonly<Record<string, string>> = {
  content_filtered: 'its content filter withheld the answer',
  guardrail_intervened: 'its guardrail withheld the answer',
};

/**
 * What Converse is asked for an element.
 * https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
 *
 * @throws InputMismatchError where it is no element of a chat.
 */
export function converseInput(
  element: unknown,
  { system, maxTokens, temperature, additionalModelRequestFields }: ConverseOptions,
  args: InferenceArgs = {},
): Omit<ConverseCommandInput, 'modelId'> {
  const messages = messagesOf(element, system);
  const own = Object.entries(args).filter(([name]) => !COMMON_ARGS.has(name));
  const common = Object.entries(args).filter(([name]) => COMMON_ARGS.has(name));
  const fields = { ...additionalModelRequestFields, ...Object.fromEntries(own) };
  const inferenceConfig: InferenceConfiguration = { maxTokens, temperature, ...Object.fromEntries(common) };
  return {
    messages: messages.filter((message) => !isSystemMessage(message)).map(converseMessage),
    system: messages.filter(isSystemMessage).flatMap((message) => blocksOf(message) as SystemContentBlock[]),
    inferenceConfig,
    // A document: any JSON.
    ...(Object.keys(fields).length > 0 && {
      additionalModelRequestFields: fields as ConverseCommandInput['additionalModelRequestFields'],
    }),
  };
}

/** @returns undefined where the answer has no message @throws EndpointError where it was withheld */
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
  if (role === 'user' || role === 'assistant') return { role, content: blocksOf(message) };
  throw new InputMismatchError(
    `the 'role' of a message must be 'system', 'user' or 'assistant': got '${role.slice(0, 64)}'`,
  );
}

/** Text, parts of text as OpenAI has them, and Converse's own blocks as they are. */
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
  if (block.type === 'text' && 'text' in block && typeof block.text === 'string') return { text: block.text };
  const advice = 'other blocks are as Converse has them, such as { image: { format, source } }';
  throw new InputMismatchError(`a block of a message's 'content' may have the type 'text' alone: ${advice}`);
}
