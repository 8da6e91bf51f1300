import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Architecture, lambda } from '../../../../lib/config/compute.ts';
import { lambdaBundleSecs, lambdaPlace, ROUND_TRIP_SECS } from '../../../../cli/estimate/costs/lambda-place.ts';
import type { Place } from '../../../../cli/estimate/costs/place.ts';
import { PRICES } from '../../../../cli/estimate/costs/prices.ts';
import { TWO_VCPUS_MB, workload } from './workload.ts';

function place(memoryMb: number, options: Partial<Parameters<typeof lambda>[0]> = {}, work = workload()): Place {
  const compute = lambda({ memoryMb, ephemeralStorageMb: 512, ...options });
  return lambdaPlace(work, { architecture: 'arm64', compute, prices: PRICES });
}

/** Of an element, without any requests. */
function computeDollars(architecture: Architecture): number {
  const prices = { ...PRICES, sqsMillionRequests: 0, s3ThousandGets: 0, s3ThousandPuts: 0, lambdaMillionRequests: 0 };
  const compute = lambda({ ephemeralStorageMb: 512 });
  return lambdaPlace(workload(), { architecture, compute, prices }).steadyDollars;
}

describe('a function of Lambda', () => {
  test('is billed for its time by its memory, for its requests, and for a cold start of each run at once', () => {
    const { dollars, atOnce, secs } = place(TWO_VCPUS_MB).burst(100);
    // One bundle: 100 elements of 0.01 s on two vCPUs, its round trips, and a second until the model is there.
    const billedSecs = 100 * 0.005 + ROUND_TRIP_SECS + 1;
    const compute = billedSecs * (TWO_VCPUS_MB / 1024) * 0.000_013_333_4;
    const requests = 0.2e-6 + (4 * 0.4) / 1e6 + (8 * 0.0004) / 1000 + 0.005 / 1000;
    expect(dollars).toBeCloseTo(compute + requests, 12);
    expect({ atOnce, secs }).toEqual({ atOnce: 1, secs: billedSecs });
  });

  test('takes as many requests for a bundle that is not full', () => {
    const requests = 0.2e-6 + (4 * 0.4) / 1e6 + (8 * 0.0004) / 1000 + 0.005 / 1000;
    const compute = (1 * 0.005 + ROUND_TRIP_SECS + 1) * (TWO_VCPUS_MB / 1024) * 0.000_013_333_4;
    expect(place(TWO_VCPUS_MB).burst(1).dollars).toBeCloseTo(compute + requests, 12);
  });

  test('is billed for more than 512 MB of disk', () => {
    const more = place(1769, { ephemeralStorageMb: 512 + 1024 }).burst(100).dollars;
    const none = place(1769).burst(100).dollars;
    expect(more - none).toBeCloseTo((1 + ROUND_TRIP_SECS + 1) * 0.000_000_030_9, 12);
  });

  test('costs a quarter more a second on x86_64', () => {
    expect(computeDollars('x86_64') / computeDollars('arm64')).toBeCloseTo(1.25, 4);
  });

  test('runs five times at once at first, and five times more with each second until the work is done', () => {
    // 45 bundles of 2 s: 5 runs, and 2.5 t² more seconds of work after t seconds.
    const seconds = 2 - ROUND_TRIP_SECS;
    const work = workload({ cpuSecsPerElement: seconds / 100, wallSecsPerElement: seconds / 100 });
    const { atOnce, secs } = place(1769, {}, work).burst(4500);
    const workingSecs = secs - 1;
    expect(5 * workingSecs + 2.5 * workingSecs ** 2).toBeCloseTo(45 * 2, 6);
    expect(atOnce).toBeCloseTo(5 + 5 * workingSecs, 6);
  });

  test('never runs more often at once than it may, nor than there are bundles', () => {
    expect(place(1769, { maxConcurrency: 3 }).burst(1e6).atOnce).toBe(3);
    expect(place(1769).burst(1e9).atOnce).toBe(100);
    expect(place(1769, { maxConcurrency: 'unlimited' }).burst(1e9).atOnce).toBe(1000);
    expect(place(1769).burst(250).atOnce).toBe(2.5);
  });

  test('is no faster than S3, which serves 5,500 reads and 3,500 writes a second below a prefix', () => {
    const quick = { cpuSecsPerElement: 1e-6, wallSecsPerElement: 1e-6, elementsPerBundle: 1e6 };
    const secsOf = (work: object): number => place(1769, {}, workload({ ...quick, ...work })).burst(1_100_000).secs;
    expect(secsOf({ readsPerElement: 1 })).toBeCloseTo(1 + 200);
    expect(secsOf({ readsPerElement: 1, writesPerElement: 1 })).toBeCloseTo(1 + 1_100_000 / 3500);
  });

  test('takes longer with less memory, and is billed no less for it', () => {
    const small = place(885);
    const large = place(1769);
    expect(small.secsPerElement).toBeCloseTo(2 * large.secsPerElement, 2);
    expect(lambdaBundleSecs(workload(), 885)).toBeGreaterThan(
      1.9 * (lambdaBundleSecs(workload(), 1769) - ROUND_TRIP_SECS),
    );
  });

  test('costs more the more elements there are', () => {
    const amounts = fc.integer({ min: 1, max: 10_000_000 });
    fc.assert(
      fc.property(amounts, amounts, fc.integer({ min: 128, max: 10_240 }), (one, other, memoryMb) => {
        fc.pre(one < other);
        const { burst } = place(memoryMb);
        expect(burst(one).dollars).toBeLessThan(burst(other).dollars);
      }),
    );
  });

  test('costs nothing for nothing', () => {
    expect(place(2048).burst(0)).toMatchObject({ dollars: 0, atOnce: 0 });
  });
});
