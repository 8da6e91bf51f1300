import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addMeasures, type Measures, roundMeasures } from '../../lib/inference/measures.ts';
import { runBundle } from './run-bundle.ts';
import { sharedEngines } from './start-engine.ts';

const engineOf = sharedEngines('models');

const NONE: Measures = {
  batchSizes: [],
  inferenceSecs: 0,
  waitSecs: 0,
  loadSecs: 0,
  retries: 0,
  firstAt: Infinity,
  lastAt: -Infinity,
};

const count = fc.nat(1_000_000);
const measures: fc.Arbitrary<Measures> = fc.record(
  {
    batchSizes: fc.array(count, { maxLength: 20 }),
    inferenceSecs: count,
    waitSecs: count,
    loadSecs: count,
    padding: fc.record({
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      batches: fc.integer({ min: 1, max: 1000 }),
    }),
    retries: count,
    firstAt: count,
    lastAt: count,
  },
  { requiredKeys: ['batchSizes', 'inferenceSecs', 'waitSecs', 'loadSecs', 'retries', 'firstAt', 'lastAt'] },
);

describe('addMeasures', () => {
  test('adds in any order, and nothing changes a sum', () => {
    fc.assert(
      fc.property(measures, measures, (one, other) => {
        const rounded = roundMeasures(addMeasures(one, other));
        expect(roundMeasures(addMeasures(other, one))).toEqual(rounded);
        expect(rounded.batchSizes.reduce((sum, batches) => sum + batches, 0)).toBe(
          [...one.batchSizes, ...other.batchSizes].reduce((sum, batches) => sum + batches, 0),
        );
        expect(addMeasures(one, undefined)).toEqual(one);
        expect(addMeasures(undefined, one)).toEqual(one);
        expect(addMeasures(one, { ...NONE, firstAt: one.firstAt, lastAt: one.lastAt })).toEqual(one);
      }),
    );
  });
});

describe('roundMeasures', () => {
  test('keeps the largest measures below 1,200 bytes', () => {
    const padding = { share: 1 / 3, batches: 1e9 };
    const times = { inferenceSecs: 1e9 / 7, waitSecs: 1e9 / 7, loadSecs: 1e9 / 7, firstAt: 2e12 / 3, lastAt: 2e12 / 3 };
    const largest = roundMeasures({
      ...times,
      batchSizes: Array.from({ length: 32 }, () => 1e9),
      padding,
      retries: 1e12,
    });
    expect(JSON.stringify(largest).length).toBeLessThan(1200);
  });
});

describe('the summary of a bundle', () => {
  test('has the measures of its work', async () => {
    const startedAt = Date.now();
    const rows = Array.from({ length: 300 }, (_, n) => ({ x: Array.from({ length: 30 }, () => n % 10) }));
    const { summary } = await runBundle(await engineOf('wide'), rows);
    const { batchSizes, inferenceSecs, loadSecs, waitSecs, retries, firstAt, lastAt } = summary.measures ?? NONE;
    const smallest = batchSizes.reduce((sum, batches, index) => sum + batches * 2 ** index, 0);
    expect(smallest).toBeGreaterThan(150);
    expect(smallest).toBeLessThanOrEqual(300);
    expect(inferenceSecs).toBeGreaterThan(0);
    expect(Math.min(loadSecs, waitSecs)).toBeGreaterThanOrEqual(0);
    expect(retries).toBe(0);
    expect(firstAt).toBeGreaterThan(startedAt - 1000);
    expect(lastAt).toBeGreaterThanOrEqual(firstAt);
  });
});
