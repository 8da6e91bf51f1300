import { describe, expect, test } from 'vitest';
import { LearnedPace } from '../../../lib/remote/flow/learned-pace.ts';

/** A pace at which requests are always waiting, and each ends as it started. */
function paceAt(now = 0) {
  const pace = new LearnedPace(() => 0.5);
  const time = { now };
  const start = (): number => {
    time.now += pace.waitMillis(time.now);
    pace.waitMillis(time.now + 1e-9);
    pace.useTurn(time.now);
    return time.now;
  };
  const succeed = (count: number): void => {
    for (let request = 0; request < count; request += 1) {
      start();
      // Another one waits behind it.
      pace.waitMillis(time.now);
      pace.succeeded();
    }
  };
  const refuse = (retryAfterMillis?: number): void => {
    const startedAt = start();
    pace.throttled(time.now + 1, startedAt, retryAfterMillis);
  };
  return { pace, time, start, succeed, refuse };
}

describe('LearnedPace', () => {
  test('starts with a few a second and doubles each second', () => {
    const { pace, time, succeed } = paceAt();
    expect(pace.ratePerSec).toBe(4);
    while (time.now < 4000) succeed(1);
    expect(pace.ratePerSec).toBeGreaterThan(4 * 2 ** 3.5);
    expect(pace.ratePerSec).toBeLessThan(4 * 2 ** 4.5);
  });

  test('does not grow while nothing waits for it', () => {
    const { pace, succeed } = paceAt();
    succeed(50);
    const rate = pace.ratePerSec;
    let now = 1e6;
    for (let request = 0; request < 100; request += 1) {
      expect(pace.waitMillis(now)).toBe(0);
      pace.useTurn(now);
      pace.succeeded();
      now += 1000;
    }
    // The first still had others waiting for it before it.
    expect(pace.ratePerSec - rate).toBeLessThan(1);
  });

  test('a throttle halves the rate, and more of them within a second do no more', () => {
    const { pace, time, succeed, start } = paceAt();
    succeed(100);
    const before = pace.ratePerSec;
    const together = [start(), start(), start()];
    for (const startedAt of together) pace.throttled(time.now + 10, startedAt);
    expect(pace.ratePerSec).toBeCloseTo(before / 2);
    pace.succeeded();
    const rate = pace.ratePerSec;
    pace.throttled(time.now + 900, time.now + 500);
    expect(pace.ratePerSec).toBe(rate);
    pace.throttled(time.now + 1500, time.now + 1000);
    expect(pace.ratePerSec).toBeCloseTo(rate / 2);
  });

  test('is soon near the rate that was throttled, stays there, and then goes past it', () => {
    const { pace, time, succeed, refuse } = paceAt();
    succeed(12);
    time.now += 2000;
    refuse();
    const plateau = 2 * pace.ratePerSec * 0.9;
    succeed(40);
    expect(pace.ratePerSec).toBeGreaterThan(0.9 * plateau);
    succeed(60);
    expect(pace.ratePerSec).toBeLessThan(1.02 * plateau);
    succeed(130);
    expect(pace.ratePerSec).toBeGreaterThan(1.2 * plateau);
  });

  test('what it grows with is successes, whatever time they take', () => {
    const quick = paceAt();
    const slow = paceAt();
    for (const { succeed, refuse, time } of [quick, slow]) {
      succeed(20);
      time.now += 2000;
      refuse();
    }
    quick.succeed(50);
    for (let request = 0; request < 50; request += 1) {
      // An hour later there is still a request that waited.
      slow.pace.waitMillis(slow.time.now);
      slow.time.now += 3_600_000;
      slow.pace.useTurn(slow.time.now);
      slow.pace.succeeded();
    }
    expect(slow.pace.ratePerSec).toBeCloseTo(quick.pace.ratePerSec, 0);
  });

  test('pauses for a Retry-After of more than two seconds, and not for a shorter one', () => {
    const { pace, time, succeed, refuse } = paceAt();
    succeed(50);
    refuse(2000);
    expect(pace.waitMillis(time.now + 1)).toBeLessThan(1000);
    succeed(1);
    refuse(30_000);
    expect(pace.pausedUntil).toBeCloseTo(time.now + 1 + 30_000);
    expect(pace.waitMillis(time.now + 1)).toBeCloseTo(30_000);
  });

  test('two refusals one after the other pause it, each time longer, half a minute at most', () => {
    const { pace, time, succeed, refuse } = paceAt();
    succeed(50);
    refuse();
    const pauses = Array.from({ length: 8 }, () => {
      refuse();
      return Math.round(pace.pausedUntil - time.now - 1);
    });
    // Three quarters of 1 s, of 2 s, ...
    expect(pauses).toEqual([750, 1500, 3000, 6000, 12_000, 22_500, 22_500, 22_500]);
    expect(pace.ratePerSec).toBeGreaterThanOrEqual(0.1);
  });

  test('after a time in which everything was refused it is soon at half of what it was', () => {
    const { pace, time, succeed, refuse } = paceAt();
    succeed(60);
    const before = pace.ratePerSec;
    for (let request = 0; request < 10; request += 1) refuse();
    expect(pace.ratePerSec).toBeLessThan(1);
    const { now } = time;
    while (pace.ratePerSec < before / 2) succeed(1);
    expect(time.now - now).toBeLessThan(60_000);
  });
});
