import type { SQSEvent } from 'aws-lambda';
import { describe, expect, test, vi } from 'vitest';
import { duringRuns } from '../../functions/processor/during-runs.ts';

const event: SQSEvent = { Records: [] };
const context = { getRemainingTimeInMillis: () => 60_000 };
const NO_FAILURES = { batchItemFailures: [] };

describe('duringRuns', () => {
  test('works at the beginning of a run, every so often during it, at its end, and not between two', async () => {
    vi.useFakeTimers();
    try {
      let times = 0;
      const run = Promise.withResolvers<typeof NO_FAILURES>();
      const handler = duringRuns(
        () => run.promise,
        30_000,
        () => (times += 1),
      );
      const running = handler(event, context);
      expect(times).toBe(1);
      await vi.advanceTimersByTimeAsync(65_000);
      expect(times).toBe(3);
      run.resolve(NO_FAILURES);
      expect(await running).toBe(NO_FAILURES);
      expect(times).toBe(4);
      await vi.advanceTimersByTimeAsync(600_000);
      expect(times).toBe(4);
    } finally {
      vi.useRealTimers();
    }
  });

  test('works at the end of a run that fails, too', async () => {
    let times = 0;
    const handler = duringRuns(
      () => Promise.reject(new Error('boom')),
      30_000,
      () => (times += 1),
    );
    await expect(handler(event, context)).rejects.toThrow('boom');
    expect(times).toBe(2);
  });
});
