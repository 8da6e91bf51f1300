import { describe, expect, test } from 'vitest';
import { OutcomeSpool } from '../../../lib/jobs/commit/outcome-spool.ts';

function resultsLine(): Uint8Array {
  return new TextEncoder().encode('{}\n');
}

describe('OutcomeSpool', () => {
  test('drops the tokens of the outcomes that it drops', async () => {
    await using spool = await OutcomeSpool.open();
    const chunk = { errors: new Uint8Array(), elements: 1, succeeded: 1, failed: {}, models: {} };
    const usage = { inputTokens: 1, cachedInputTokens: 0, outputTokens: 1, reasoningTokens: 0 };
    await spool.write({ ...chunk, results: resultsLine() });
    await spool.write({ ...chunk, results: resultsLine(), usage, isMidBatch: true });
    expect(spool.tally.usage).toEqual(usage);
    await spool.cutAtBatch(0);
    expect(spool.tally).toEqual({ total: 1, succeeded: 1, failed: 0, failedByStage: {}, models: {} });
  });
});
