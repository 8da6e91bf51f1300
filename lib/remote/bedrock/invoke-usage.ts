import type { InvokeModelCommand } from '@aws-sdk/client-bedrock-runtime';
import type { TokenUsage } from '../token-usage.ts';

const PREFIX = 'x-amzn-bedrock-';

/** Reports the token counts in the headers of a command's answer, because the format of the body is the model's own. */
export function reportInvokeUsage(command: InvokeModelCommand, report?: (usage: TokenUsage) => void): void {
  if (report === undefined) return;
  command.middlewareStack.add(
    (next) => async (args) => {
      const answered = await next(args);
      const usage = usageIn(headersOf(answered.response));
      if (usage !== undefined) report(usage);
      return answered;
    },
    { step: 'deserialize', name: 'reportInvokeUsage' },
  );
}

function usageIn(headers: Readonly<Record<string, unknown>>): TokenUsage | undefined {
  const count = (name: string): number | undefined => {
    const value = headers[`${PREFIX}${name}-token-count`];
    return typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : undefined;
  };
  const [input, output] = [count('input'), count('output')];
  if (input === undefined && output === undefined) return undefined;
  const cachedInputTokens = count('cache-read-input') ?? 0;
  const inputTokens = (input ?? 0) + cachedInputTokens + (count('cache-write-input') ?? 0);
  return { inputTokens, cachedInputTokens, outputTokens: output ?? 0, reasoningTokens: 0 };
}

function headersOf(response: unknown): Readonly<Record<string, unknown>> {
  if (typeof response !== 'object' || response === null || !('headers' in response)) return {};
  const { headers } = response;
  return typeof headers === 'object' && headers !== null ? (headers as Readonly<Record<string, unknown>>) : {};
}
