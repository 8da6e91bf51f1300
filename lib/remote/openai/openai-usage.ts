import type { TokenUsage } from '../token-usage.ts';
import { fieldsOf } from './fields.ts';

/**
 * Returns the token counts that an answer reports; undefined if it does not report them.
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

/** Servers omit counts that they do not have, or send null for them. */
function tokens(value: unknown): number {
  return typeof value === 'number' && value >= 0 ? value : 0;
}
