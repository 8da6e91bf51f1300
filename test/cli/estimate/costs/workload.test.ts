import { describe, expect, test } from 'vitest';
import { PRICES, pricesWith } from '../../../../cli/estimate/costs/prices.ts';
import { bundlesOf, secsPerElement, steadyRequestDollars } from '../../../../cli/estimate/costs/workload.ts';
import { workload } from './workload.ts';

describe('the time of an element', () => {
  test('is its CPU time shared by the vCPUs', () => {
    const work = workload({ cpuSecsPerElement: 0.02, wallSecsPerElement: 0.01, cores: 2 });
    expect([0.5, 1, 2, 4].map((vcpus) => secsPerElement(work, vcpus))).toEqual([0.04, 0.02, 0.01, 0.005]);
  });

  test('is not less than it was where it was measured, where that does not run side by side', () => {
    const work = workload({ cpuSecsPerElement: 0.012, wallSecsPerElement: 0.01, cores: 2 });
    expect(secsPerElement(work, 2)).toBe(0.01);
    expect(secsPerElement(work, 1)).toBe(0.012);
    expect(secsPerElement(work, 4)).toBe(0.005);
  });

  test('is no less with more vCPUs where it waits', () => {
    const work = workload({ cpuSecsPerElement: 0.001, wallSecsPerElement: 0.2, isWaiting: true });
    expect([0.5, 1, 6].map((vcpus) => secsPerElement(work, vcpus))).toEqual([0.2, 0.2, 0.2]);
  });
});

describe('the requests of an element', () => {
  test('are its share of those of its bundle, and its own', () => {
    const prices = { ...PRICES, sqsMillionRequests: 1e6, s3ThousandGets: 1e5, s3ThousandPuts: 1e3 };
    const of = (differences: Parameters<typeof workload>[0]): number =>
      steadyRequestDollars(workload({ elementsPerBundle: 10, ...differences }), prices);
    expect(of({})).toBeCloseTo(0.4 + 80 + 0.1);
    expect(of({ readsPerElement: 1, writesPerElement: 1 })).toBeCloseTo(0.4 + 180 + 1.1);
    // Two more objects for a bundle with failures, and a dead letter for each.
    expect(of({ failedShare: 0.5 })).toBeCloseTo(0.9 + 80 + 0.3);
  });
});

test('there is one bundle at least, where there are elements', () => {
  const bundles = [0, 1, 10, 25].map((elements) => bundlesOf(workload({ elementsPerBundle: 10 }), elements));
  expect(bundles).toEqual([0, 1, 1, 2.5]);
});

describe('prices', () => {
  test('may be others, by their names', () => {
    expect(pricesWith({ 'g6.xlarge': 0.5, addressHour: 0 })).toEqual({ ...PRICES, 'g6.xlarge': 0.5, addressHour: 0 });
    expect(pricesWith({})).toEqual(PRICES);
  });

  test.each([
    ['no object', [1], /must be an object/],
    ['a name that there is not', { 'g6.huge': 1 }, /there is no price 'g6.huge': the names are lambdaArm64GbSec, /],
    ['a text', { 'g6.xlarge': '1' }, /'g6.xlarge' must be a number of dollars, 0 or more: current value is "1"/],
    [
      'less than nothing',
      { addressHour: -1 },
      /'addressHour' must be a number of dollars, 0 or more: current value is -1/,
    ],
  ])('are refused where they are %s', (_what, given, message) => {
    expect(() => pricesWith(given)).toThrow(message);
  });
});
