import type { RemoteModelHandlerOptions } from '../remote-model-handler.ts';

/**
 * UTF-8 bytes for a token. English has about 4 characters to a token, each of one byte; scripts of two or three bytes a
 * character have fewer characters to a token.
 * https://help.openai.com/en/articles/4936856-what-are-tokens-and-how-to-count-them
 */
const BYTES_PER_TOKEN = 4;
/** Tokens of a message besides its text: its role, its beginning and its end. */
const TOKENS_PER_MESSAGE = 4;

/** Estimates the number of tokens of a text, without a model's tokenizer. */
export function estimateTokens(text: string): number {
  return Math.max(1, Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN));
}

/** Estimates the number of tokens of all texts in an element of a chat; at least 1. */
export function estimateChatTokens(element: unknown): number {
  const texts = textsIn(element);
  return Math.max(
    1,
    texts.reduce((sum, text) => sum + estimateTokens(text) + TOKENS_PER_MESSAGE, 0),
  );
}

/** Returns the texts in a value. The tokens of images and other content are unknown here. */
function textsIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap(textsIn);
  if (typeof value !== 'object' || value === null) return [];
  const { messages, prompt, content, text, body, modelInput } = value as Readonly<Record<string, unknown>>;
  return [messages, prompt, content, text, body, modelInput].flatMap(textsIn);
}

/** Adds an `elementSizeFn` that estimates tokens to options that limit weight and have no such function. */
export function withTokenWeights<Options extends RemoteModelHandlerOptions<never>>(
  options: Options,
  tokensOf: (element: unknown) => number,
): Options {
  const { rateLimits = [], maxBatchWeight, elementSizeFn } = options;
  const isWeighed = maxBatchWeight !== undefined || rateLimits.some(({ weight }) => weight !== undefined);
  return isWeighed && elementSizeFn === undefined ? { ...options, elementSizeFn: tokensOf } : options;
}
