import { describe, expect, test } from 'vitest';
import { AdaptiveThrottler } from '../../../lib/remote/flow/adaptive-throttler.ts';

function times(count: number, work: () => void): void {
  for (let time = 0; time < count; time += 1) work();
}

describe('AdaptiveThrottler', () => {
  test('holds nothing back before anything is known, nor while half of the requests succeed', () => {
    const throttler = new AdaptiveThrottler();
    expect(throttler.rejection(0)).toBe(0);
    times(50, () => throttler.succeeded(0));
    times(50, () => throttler.failed(0));
    expect(throttler.rejection(0)).toBe(0);
  });

  test('holds back with the probability (A - 2·S) / (A + 1)', () => {
    const throttler = new AdaptiveThrottler();
    times(10, () => throttler.succeeded(0));
    times(89, () => throttler.failed(0));
    expect(throttler.rejection(0)).toBeCloseTo((99 - 20) / 100);
  });

  test('looks back on a minute, by the second', () => {
    const throttler = new AdaptiveThrottler();
    times(9, () => throttler.failed(500));
    times(9, () => throttler.failed(1500));
    expect(throttler.rejection(60_499)).toBeCloseTo(18 / 19);
    expect(throttler.rejection(60_500)).toBeCloseTo(9 / 10);
    expect(throttler.rejection(61_500)).toBe(0);
  });

  test('ten failures in a row over five seconds are an outage: only they count, and soon successes do', () => {
    const throttler = new AdaptiveThrottler();
    times(500, () => throttler.succeeded(0));
    times(400, () => throttler.failed(1000));
    expect(throttler.rejection(1000)).toBe(0);
    throttler.failed(6000);
    expect(throttler.rejection(6000)).toBeCloseTo(10 / 11);
    times(5, () => throttler.succeeded(7000));
    expect(throttler.rejection(7000)).toBeCloseTo(5 / 16);
  });

  test('failures with a success among them are no outage', () => {
    const throttler = new AdaptiveThrottler();
    times(500, () => throttler.succeeded(0));
    times(300, () => throttler.failed(1000));
    throttler.succeeded(3000);
    times(100, () => throttler.failed(6500));
    expect(throttler.rejection(6500)).toBe(0);
  });
});
