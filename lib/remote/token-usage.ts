/** Tokens that an endpoint counted. */
export interface TokenUsage {
  /** Number of all input tokens, including those from a cache. */
  readonly inputTokens: number;
  /** Number of input tokens that were read from a cache. */
  readonly cachedInputTokens: number;
  /** Number of all output tokens, including those of the model's reasoning. */
  readonly outputTokens: number;
  /** Number of output tokens that the model used for reasoning. */
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

/** Returns the part of a sum that was not in it before. */
export function usageSince(all: TokenUsage, before: Sum): TokenUsage {
  if (before === undefined) return all;
  return {
    inputTokens: all.inputTokens - before.inputTokens,
    cachedInputTokens: all.cachedInputTokens - before.cachedInputTokens,
    outputTokens: all.outputTokens - before.outputTokens,
    reasoningTokens: all.reasoningTokens - before.reasoningTokens,
  };
}

/** Returns one of `count` equal shares, by its index: whole tokens, which add up to the total. */
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
