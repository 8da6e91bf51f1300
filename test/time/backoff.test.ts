import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Backoff } from '../../lib/time/backoff.ts';

describe('Backoff', () => {
  test('doubles what it may take, up to the most', () => {
    let backoff = new Backoff({ firstMillis: 100, maxMillis: 700 });
    const ceilings = Array.from({ length: 5 }, () => {
      const { ceilingMillis } = backoff;
      backoff = backoff.next();
      return ceilingMillis;
    });
    expect(ceilings).toEqual([100, 200, 400, 700, 700]);
  });

  test('is a value: what comes next does not change it', () => {
    const backoff = new Backoff();
    backoff.next();
    expect(backoff.ceilingMillis).toBe(1000);
  });

  test('waits any part of its ceiling, on top of what the endpoint asked for', () => {
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.nat(20), random, fc.nat(1_000_000), (times, drawn, atLeast) => {
        let backoff = new Backoff();
        for (let time = 0; time < times; time += 1) backoff = backoff.next();
        const delay = backoff.delayMillis(() => drawn, atLeast);
        expect(delay).toBeCloseTo(atLeast + drawn * Math.min(60_000, 1000 * 2 ** times));
      }),
    );
  });
});
