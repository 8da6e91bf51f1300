import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BatchSizeEstimator } from '../../lib/batching/batch-size-estimator.ts';
import { resolveBatching } from '../../lib/batching/batching-options.ts';
import type { BatchingOptions } from '../../lib/batching/batching-options.ts';

type Cost = (size: number, batch: number) => number;

/** The sizes of so many batches of a machine, all of them full. */
function trajectory(cost: Cost, batches: number, options: BatchingOptions = {}): number[] {
  const estimator = new BatchSizeEstimator(resolveBatching(options));
  return Array.from({ length: batches }, (_, batch) => {
    const size = estimator.target();
    estimator.record(size, cost(size, batch));
    return size;
  });
}

/** The size of most of these batches. */
function usual(sizes: readonly number[]): number {
  const counts = Map.groupBy(sizes, (size) => size);
  return [...counts].toSorted(([, a], [, b]) => b.length - a.length)[0]?.[0] ?? NaN;
}

/** Factors around 1 that no two seeds share (a linear congruential generator). */
function noise(seed: number, share: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return 1 - share + (2 * share * state) / 2 ** 32;
  };
}

describe('BatchSizeEstimator', () => {
  test('starts at the minimum and grows twofold to the size that meets the overhead', () => {
    const sizes = trajectory((n) => 50 + n, 20);
    expect(sizes).toEqual([1, 1, 1, 2, 2, 2, 4, 8, 16, 32, 64, 128, 256, 512, ...Array<number>(6).fill(950)]);
  });

  test.each<[string, Cost, BatchingOptions, number]>([
    ['the overhead, (a/b)(1/ω − 1)', (n) => 10 + n, {}, 190],
    ['a laxer overhead', (n) => 10 + n, { targetBatchOverhead: 0.5 }, 10],
    ['the target duration, fixed cost included', (n) => 200 + 4 * n, {}, 200],
    ['another target duration', (n) => 200 + 4 * n, { targetBatchDurationSecs: 2 }, 450],
    ['T/b, where the fixed cost alone is above the target duration', (n) => 3000 + 10 * n, {}, 100],
    ['the maximum, where elements cost nothing', (n) => 5 + n * 1e-9, {}, 1024],
    ['the maximum, where nothing costs anything', () => 0, {}, 1024],
    ['the minimum, where one element takes longer than the target', (n) => 20_000 * n, {}, 1],
    ['a size worth sending, where there is no fixed cost', (n) => 0.1 * n, {}, 95],
    ['a minimum above it', (n) => n, { minBatchSize: 100 }, 100],
    ['a maximum below it', (n) => 50 + n, { maxBatchSize: 300 }, 300],
  ])('settles at %s', (_, cost, options, size) => {
    const sizes = trajectory(cost, 400, options).slice(20);
    expect(usual(sizes)).toBe(size);
    expect(new Set(sizes).size).toBe(1);
  });

  test('does not oscillate where there is no fixed cost', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.001, max: 1000, noNaN: true }), (perElement) => {
        const sizes = trajectory((n) => perElement * n, 150);
        expect(new Set(sizes.slice(20)).size).toBe(1);
      }),
      { numRuns: 30 },
    );
  });

  test('changes a size that it has reached at most every sixteenth batch, whatever the noise', () => {
    fc.assert(
      fc.property(fc.integer(), fc.double({ min: 0.01, max: 100, noNaN: true }), (seed, perElement) => {
        const factor = noise(seed, 0.2);
        const sizes = trajectory((n) => perElement * n * factor(), 300);
        const runs = sizes.map((size, i) => (size === sizes[i - 1] ? 0 : i)).filter((start) => start > 0);
        const shrinks = runs.filter((start) => (sizes[start] ?? 0) < (sizes[start - 1] ?? 0));
        for (const [i, start] of shrinks.entries()) expect(start - (shrinks[i - 1] ?? -20)).toBeGreaterThanOrEqual(15);
      }),
      { numRuns: 30 },
    );
  });

  test('keeps its target overhead within a factor of two under noise of 20 %', () => {
    // A statistical promise, so the machines are always the same thirty.
    fc.assert(
      fc.property(fc.integer(), fc.double({ min: 1, max: 50, noNaN: true }), (seed, fixed) => {
        const factor = noise(seed, 0.2);
        const size = usual(trajectory((n) => (fixed + n) * factor(), 600).slice(200));
        expect(fixed / (fixed + size)).toBeLessThan(0.1);
      }),
      { numRuns: 30, seed: 1 },
    );
  });

  test('keeps its size through runs of slow batches shorter than sixteen', () => {
    const options = { minBatchSize: 475, maxBatchSize: 950 };
    const sizes = trajectory((n, batch) => (50 + n) * (batch > 20 && batch % 18 < 9 ? 2.4 : 1), 400, options);
    expect(new Set(sizes.slice(20))).toEqual(new Set([950]));
  });

  test('is always within its limits and never more than twice the largest batch that ran', () => {
    const range = fc.tuple(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 0, max: 1000 }));
    const records = fc.array(
      fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1e5, noNaN: true })),
    );
    fc.assert(
      fc.property(range, records, ([minBatchSize, more], all) => {
        const maxBatchSize = minBatchSize + more;
        const estimator = new BatchSizeEstimator(resolveBatching({ minBatchSize, maxBatchSize }));
        let largest = 0;
        for (const [share, millis] of all) {
          const target = estimator.target();
          expect(Number.isInteger(target)).toBe(true);
          expect(target).toBeGreaterThanOrEqual(minBatchSize);
          expect(target).toBeLessThanOrEqual(Math.min(maxBatchSize, Math.max(minBatchSize, 2 * largest)));
          // A batch may be smaller than aimed for: a limit on bytes closed it.
          const size = Math.max(1, Math.round(target * share));
          estimator.record(size, millis);
          largest = Math.max(largest, size);
        }
      }),
    );
  });

  test('is constant where the minimum is the maximum, and still knows what to expect', () => {
    const estimator = new BatchSizeEstimator(resolveBatching({ minBatchSize: 32, maxBatchSize: 32 }));
    expect(estimator.expectedMillis(32)).toBeUndefined();
    for (let i = 0; i < 100; i++) {
      expect(estimator.target()).toBe(32);
      estimator.record(32, 64);
    }
    expect(estimator.expectedMillis(32)).toBeCloseTo(64, 6);
    expect(estimator.expectedMillis(16)).toBeCloseTo(64, 6);
  });

  test('finds both costs in a range narrower than twofold', () => {
    const sizes = trajectory((n) => 100 + n, 100, { minBatchSize: 600, maxBatchSize: 1000 });
    // The overhead asks for more, the target duration allows no more.
    expect(usual(sizes)).toBe(900);
    expect(usual(trajectory((n) => n, 100, { minBatchSize: 7, maxBatchSize: 8 }))).toBe(8);
  });

  test('is not collapsed by a pause of 50 times, wherever it comes', () => {
    const undisturbed = trajectory((n) => 50 + n, 100);
    for (let pause = 0; pause < 40; pause++) {
      const sizes = trajectory((n, batch) => (50 + n) * (batch === pause ? 50 : 1), 100);
      // It costs one batch of growth at most.
      for (const [batch, size] of sizes.entries()) {
        expect(size).toBeGreaterThanOrEqual(undisturbed[Math.max(0, batch - 1)] ?? 0);
      }
    }
  });

  test('holds its size while every twentieth batch pauses', () => {
    const sizes = trajectory((n, batch) => (50 + n) * (batch % 20 === 3 ? 50 : 1), 400);
    expect(new Set(sizes.slice(20))).toEqual(new Set([950]));
  });

  test('follows a machine that becomes ten times slower within ten batches', () => {
    const sizes = trajectory((n, batch) => (50 + n) * (batch >= 40 ? 10 : 1), 60);
    expect(sizes[39]).toBe(950);
    // 500 ms fixed and 10 ms each: half of the second is left for elements.
    expect(sizes.slice(50)).toEqual(Array<number>(10).fill(50));
  });

  test('looks again after 512 batches, with three small ones, and so follows a slow drift', () => {
    const sizes = trajectory((n, batch) => 50 + n * (batch >= 40 ? 2 : 1), 1100);
    expect(sizes.slice(100, 500).filter((size) => size < 475)).toEqual([]);
    expect(usual(sizes.slice(600))).toBe(475);
    expect(sizes.slice(600).filter((size) => size !== 475).length).toBeLessThanOrEqual(3);
  });

  test.each([
    ['left out, as they should be', false],
    ['recorded by mistake', true],
  ])('is not held down by the remainders of small bundles, %s', (_, recorded) => {
    // Beam's estimator falls from 256 to 176 and back with these bundles of 600.
    const estimator = new BatchSizeEstimator(resolveBatching());
    const sizes: number[] = [];
    for (let bundle = 0; bundle < 20; bundle++) {
      for (let left = 600; left > 0; left -= sizes.at(-1) ?? left) {
        const size = Math.min(estimator.target(), left);
        sizes.push(size);
        if (size < left || recorded) estimator.record(size, 50 + size);
      }
    }
    expect(sizes.slice(-10)).toEqual(Array<number>(10).fill(600));
  });

  test('learns where a limit on bytes closed batches below the minimum', () => {
    const estimator = new BatchSizeEstimator(resolveBatching({ minBatchSize: 8, maxBatchSize: 64 }));
    for (let i = 0; i < 50; i++) {
      const size = i === 0 ? 3 : estimator.target();
      estimator.record(size, 100);
    }
    expect(estimator.target()).toBe(64);
    // Nothing but tiny batches: it aims for the minimum, and no higher than twice what runs.
    const tiny = new BatchSizeEstimator(resolveBatching({ minBatchSize: 8, maxBatchSize: 64 }));
    for (let i = 0; i < 50; i++) tiny.record(3, 100);
    expect(tiny.target()).toBe(8);
  });

  test('gives the same sizes for the same records', () => {
    const factors = [1, 2].map(() => noise(7, 0.3));
    const [first, second] = factors.map((factor) => trajectory((n) => (5 + n) * factor(), 300));
    expect(first).toEqual(second);
  });
});
