import type { TokenUsage } from '../token-usage.ts';
import { fieldsOf } from './fields.ts';

/**
 * The tokens that an answer says it was counted for; undefined where it does not say.
 * https://platform.openai.com/docs/api-reference/chat/object#chat/object-usage
 */
export function openAIUsage(answer: unknown): TokenUsage | undefined {
  const { prompt_tokens: input, completion_tokens: output, ...usage } = fieldsOf(fieldsOf(answer)['usage']);
  if (typeof input !== 'number' && typeof output !== 'number') return undefined;
  return {
    inputTokens: tokens(input),
    cachedInputTokens: tokens(fieldsOf(usage['prompt_tokens_details'])['cached_tokens']),
    outputTokens: tokens(output),
    reasoningTokens: tokens(fieldsOf(usage['completion_tokens_details'])['reasoning_tokens']),
  };
}

/** Servers leave out what they do not count, or have null for it. */
function tokens(value: unknown): number {
  return typeof value === 'number' && value >= 0 ? value : 0;
}
