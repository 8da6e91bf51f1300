/** Tokens that an endpoint counted. */
export interface TokenUsage {
  /** All that went in, those from a cache too. */
  readonly inputTokens: number;
  /** Of the input, those that were read from a cache. */
  readonly cachedInputTokens: number;
  /** All that the model wrote, its reasoning too. */
  readonly outputTokens: number;
  /** Of the output, those that the model reasoned with. */
  readonly reasoningTokens: number;
}

type Sum = TokenUsage | undefined;

export function addUsage(one: TokenUsage, other: Sum): TokenUsage;
export function addUsage(one: Sum, other: Sum): Sum;
export function addUsage(one: Sum, other: Sum): Sum {
  if (one === undefined || other === undefined) return one ?? other;
  return {
    inputTokens: one.inputTokens + other.inputTokens,
    cachedInputTokens: one.cachedInputTokens + other.cachedInputTokens,
    outputTokens: one.outputTokens + other.outputTokens,
    reasoningTokens: one.reasoningTokens + other.reasoningTokens,
  };
}

/** The part of a sum that was not in it before. */
export function usageSince(all: TokenUsage, before: Sum): TokenUsage {
  if (before === undefined) return all;
  return {
    inputTokens: all.inputTokens - before.inputTokens,
    cachedInputTokens: all.cachedInputTokens - before.cachedInputTokens,
    outputTokens: all.outputTokens - before.outputTokens,
    reasoningTokens: all.reasoningTokens - before.reasoningTokens,
  };
}

/** One of `count` equal shares, by its index: whole tokens, which add up to all of them. */
export function usageShare(usage: TokenUsage, index: number, count: number): TokenUsage {
  const share = (tokens: number): number =>
    Math.floor((tokens * (index + 1)) / count) - Math.floor((tokens * index) / count);
  return {
    inputTokens: share(usage.inputTokens),
    cachedInputTokens: share(usage.cachedInputTokens),
    outputTokens: share(usage.outputTokens),
    reasoningTokens: share(usage.reasoningTokens),
  };
}
