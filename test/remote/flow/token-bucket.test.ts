import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DeclaredLimits, TokenBucket } from '../../../lib/remote/flow/token-bucket.ts';

describe('TokenBucket', () => {
  test('never lets more through in any window than what comes in it and what it holds', () => {
    const demand = fc.array(fc.record({ wait: fc.nat(3000), cost: fc.integer({ min: 1, max: 50 }) }), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(fc.double({ min: 0.001, max: 1, noNaN: true }), demand, (perMilli, requests) => {
        const bucket = new TokenBucket(perMilli, 1000, 0);
        const holds = Math.max(1, perMilli * 1000);
        const started: { at: number; cost: number }[] = [];
        let now = 0;
        for (const { wait, cost } of requests) {
          now += wait;
          now += bucket.waitMillis(cost, now);
          expect(bucket.waitMillis(cost, now)).toBeLessThan(1e-6);
          bucket.charge(cost, now);
          started.push({ at: now, cost });
        }
        for (const [first, { at: from }] of started.entries()) {
          let sum = 0;
          for (const { at, cost } of started.slice(first)) {
            // A request that costs more than the capacity started when the bucket was full, and the next ones waited for its debt.
            if (sum > 0) expect(sum).toBeLessThanOrEqual((at - from) * perMilli + Math.max(holds, sum - cost) + 1e-6);
            sum += cost;
          }
        }
      }),
    );
  });

  test('starts a request as soon as its cost is available', () => {
    const bucket = new TokenBucket(0.01, 1000, 0);
    bucket.charge(10, 0);
    expect(bucket.waitMillis(5, 0)).toBeCloseTo(500);
    expect(bucket.waitMillis(5, 499)).toBeCloseTo(1);
    expect(bucket.waitMillis(5, 500)).toBe(0);
  });

  test('lets through what costs more than it holds when it is full, and the next waits for the debt', () => {
    const bucket = new TokenBucket(0.01, 1000, 0);
    expect(bucket.waitMillis(25, 0)).toBe(0);
    bucket.charge(25, 0);
    expect(bucket.waitMillis(1, 0)).toBeCloseTo(1600);
    expect(bucket.waitMillis(25, 1000)).toBeCloseTo(1500);
  });

  test('holds a request at least, however slow it fills', () => {
    const bucket = new TokenBucket(1 / 60_000, 1000, 0);
    expect(bucket.waitMillis(1, 0)).toBe(0);
    bucket.charge(1, 0);
    expect(bucket.waitMillis(1, 0)).toBeCloseTo(60_000);
  });

  test('keeps its debt when its rate changes', () => {
    const bucket = new TokenBucket(0.1, 1000, 0);
    bucket.charge(200, 0);
    bucket.setRate(0.01, 0);
    expect(bucket.waitMillis(1, 0)).toBeCloseTo(10_100);
  });
});

describe('DeclaredLimits', () => {
  test('a request waits for the slowest of all limits, each in its own unit', () => {
    const limits = new DeclaredLimits(
      [
        { requests: 600, weight: 6000, per: 'minute' },
        { requests: 5, per: 'second' },
      ],
      0,
    );
    // The minute's weight lets 100 go at once, and 100 come in a second. A limit a second lets one request go at once.
    expect(limits.waitMillis(100, 0)).toBe(0);
    limits.charge(100, 0);
    expect(limits.waitMillis(0, 0)).toBeCloseTo(200);
    expect(limits.waitMillis(50, 0)).toBeCloseTo(500);
  });

  test.each([
    [10, 'second', 1000],
    [600, 'second', 1000],
    [7, 'minute', 60_000],
    [90, 'minute', 60_000],
  ] as const)('hold in every window of their length: %i requests a %s', (requests, per, windowMillis) => {
    const limits = new DeclaredLimits([{ requests, per }], 0);
    const starts: number[] = [];
    // A long pause fills whatever can be filled.
    for (let now = 0; starts.length < 5 * requests;) {
      now += Math.max(limits.waitMillis(1, now), starts.length === 2 * requests ? 3 * windowMillis : 0);
      limits.charge(1, now);
      starts.push(now);
    }
    for (const [index, from] of starts.entries()) {
      const within = starts.slice(index).filter((at) => at < from + windowMillis - 1e-6);
      expect(within.length).toBeLessThanOrEqual(requests);
    }
    // And what they allow is used: five windows' requests in five windows, and the pause.
    expect(starts.at(-1)).toBeLessThan(8.1 * windowMillis);
  });

  test('do not spend a minute in its first second', () => {
    const limits = new DeclaredLimits([{ requests: 60, per: 'minute' }], 0);
    limits.charge(0, 0);
    expect(limits.waitMillis(0, 0)).toBeCloseTo(1000);
  });

  test('are divided by the engines that share them', () => {
    const limits = new DeclaredLimits([{ requests: 10, per: 'second' }], 0);
    limits.share(5, 0);
    limits.charge(1, 0);
    expect(limits.waitMillis(1, 0)).toBeCloseTo(500);
    limits.share(1, 0);
    expect(limits.waitMillis(1, 0)).toBeCloseTo(100);
  });

  test('a share of less than a request is one request in a longer time', () => {
    const limits = new DeclaredLimits([{ requests: 10, per: 'second' }], 0);
    limits.share(20, 0);
    limits.charge(1, 0);
    expect(limits.waitMillis(1, 0)).toBeCloseTo(2000);
  });
});
