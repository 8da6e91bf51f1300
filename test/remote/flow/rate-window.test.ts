import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RateWindow } from '../../../lib/remote/flow/rate-window.ts';

describe('RateWindow', () => {
  test('holds its limit in every window, whatever is asked and when', () => {
    const demand = fc.array(fc.record({ wait: fc.nat(900), cost: fc.integer({ min: 1, max: 20 }) }), { maxLength: 80 });
    fc.assert(
      fc.property(fc.integer({ min: 20, max: 60 }), demand, (most, requests) => {
        const window = new RateWindow(most, 1000);
        const started: { at: number; cost: number }[] = [];
        let now = 0;
        for (const { wait, cost } of requests) {
          now += wait;
          now += window.waitMillis(cost, now);
          expect(window.waitMillis(cost, now)).toBe(0);
          window.charge(cost, now);
          started.push({ at: now, cost });
        }
        for (const { at: from } of started) {
          const within = started.filter(({ at }) => at >= from && at < from + 1000);
          expect(within.reduce((sum, { cost }) => sum + cost, 0)).toBeLessThanOrEqual(most);
        }
      }),
    );
  });

  test('lets a request go that costs more than a window holds, once the window is empty', () => {
    const window = new RateWindow(10, 1000);
    window.charge(1, 0);
    expect(window.waitMillis(25, 400)).toBe(600);
    window.charge(25, 1000);
    expect(window.waitMillis(1, 1500)).toBe(500);
  });

  test('counts what has started against a new limit', () => {
    const window = new RateWindow(10, 1000);
    for (let index = 0; index < 5; index += 1) window.charge(1, index);
    window.setLimit(3, 1000);
    expect(window.waitMillis(1, 4)).toBe(998);
  });
});
