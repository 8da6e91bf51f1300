import type { RemoteModelHandlerOptions } from '../remote-model-handler.ts';

/**
 * UTF-8 bytes for a token. English has about 4 characters to a token, each of one byte; scripts of two or three bytes a
 * character have fewer characters to a token.
 * https://help.openai.com/en/articles/4936856-what-are-tokens-and-how-to-count-them
 */
const BYTES_PER_TOKEN = 4;
/** What a message costs beside its text: its role, and where it begins and ends. */
const TOKENS_PER_MESSAGE = 4;

/** About how many tokens a text has: no tokenizer, and no model's. */
export function estimateTokens(text: string): number {
  return Math.max(1, Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN));
}

/** About how many tokens an element of a chat has, and all else that is said in it; one that is none has 1. */
export function estimateChatTokens(element: unknown): number {
  const texts = textsIn(element);
  return Math.max(
    1,
    texts.reduce((sum, text) => sum + estimateTokens(text) + TOKENS_PER_MESSAGE, 0),
  );
}

/** Images and the like are not text: their tokens are not known here. */
function textsIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap(textsIn);
  if (typeof value !== 'object' || value === null) return [];
  const { messages, prompt, content, text, body, modelInput } = value as Readonly<Record<string, unknown>>;
  return [messages, prompt, content, text, body, modelInput].flatMap(textsIn);
}

/** The options with a measure of an element's tokens, where something is limited by weight and nothing else measures it. */
export function withTokenWeights<Options extends RemoteModelHandlerOptions<never>>(
  options: Options,
  tokensOf: (element: unknown) => number,
): Options {
  const { rateLimits = [], maxBatchWeight, elementSizeFn } = options;
  const isWeighed = maxBatchWeight !== undefined || rateLimits.some(({ weight }) => weight !== undefined);
  return isWeighed && elementSizeFn === undefined ? { ...options, elementSizeFn: tokensOf } : options;
}
