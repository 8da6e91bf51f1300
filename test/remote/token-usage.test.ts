import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { addUsage, type TokenUsage, usageShare, usageSince } from '../../lib/remote/token-usage.ts';

const tokens = fc.nat(1_000_000_000);
const usages = fc.record({
  inputTokens: tokens,
  cachedInputTokens: tokens,
  outputTokens: tokens,
  reasoningTokens: tokens,
});

test('shares of tokens are whole, and add up to all of them', () => {
  fc.assert(
    fc.property(usages, fc.integer({ min: 1, max: 300 }), (usage, count) => {
      const shares = Array.from({ length: count }, (_, index) => usageShare(usage, index, count));
      expect(shares.every((share) => Object.values(share).every(Number.isInteger))).toBe(true);
      expect(shares.reduce<TokenUsage | undefined>((sum, share) => addUsage(sum, share), undefined)).toEqual(usage);
    }),
  );
});

test('what is added to a sum is what it has more than before', () => {
  fc.assert(
    fc.property(usages, usages, (before, added) => {
      expect(usageSince(addUsage(added, before), before)).toEqual(added);
      expect(usageSince(added, undefined)).toEqual(added);
    }),
  );
});
