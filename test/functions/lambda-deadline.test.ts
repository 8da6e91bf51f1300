import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { lambdaDeadline } from '../../functions/lambda-deadline.ts';

/** A function's clock that has so long to go from now. */
function clock(millis: number): { getRemainingTimeInMillis(): number } {
  const endsAt = Date.now() + millis;
  return { getRemainingTimeInMillis: () => endsAt - Date.now() };
}

describe("a run's deadline", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test.each([
    ['a tenth', 60_000, 6000],
    ['20 s at most', 900_000, 20_000],
    ['1 s at least', 3000, 1000],
  ])('leaves %s of the time to put things in order', (_what, millis, margin) => {
    using deadline = lambdaDeadline(clock(millis));
    vi.advanceTimersByTime(millis - margin - 1);
    expect(deadline.signal.aborted).toBe(false);
    expect(deadline.remainingMillis()).toBe(margin + 1);
    vi.advanceTimersByTime(1);
    expect(deadline.signal.aborted).toBe(true);
    expect(deadline.remainingMillis()).toBe(margin);
    expect(deadline.signal.reason).toMatchObject({ name: 'FunctionDeadlineError', disposition: 'retry' });
  });

  test('is there at once where no time is left', () => {
    using deadline = lambdaDeadline(clock(500));
    expect(deadline.signal.aborted).toBe(true);
    vi.advanceTimersByTime(1000);
    expect(deadline.remainingMillis()).toBe(0);
  });

  test('leaves no timer behind', () => {
    lambdaDeadline(clock(60_000))[Symbol.dispose]();
    expect(vi.getTimerCount()).toBe(0);
  });
});
