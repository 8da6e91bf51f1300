import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bucketOf } from '../../lib/batching/length-buckets.ts';

describe('bucketOf', () => {
  test.each([
    [0, 0],
    [15.9, 0],
    [16, 1],
    [31, 1],
    [32, 2],
    [1e9, 2],
  ])('puts length %d into bucket %d of [16, 32]', (length, bucket) => {
    expect(bucketOf(length, [16, 32])).toBe(bucket);
  });

  test('has one bucket where there are no boundaries', () => {
    expect(bucketOf(7, [])).toBe(0);
  });

  test('puts every length at or above the boundary below its bucket, and below the one above', () => {
    const ascending = fc
      .uniqueArray(fc.integer({ min: 1, max: 60 }), { maxLength: 20 })
      .map((all) => all.toSorted((a, b) => a - b));
    fc.assert(
      fc.property(ascending, fc.integer({ min: 0, max: 70 }), (boundaries, length) => {
        const bucket = bucketOf(length, boundaries);
        expect(length).toBeGreaterThanOrEqual(boundaries[bucket - 1] ?? 0);
        expect(length).toBeLessThan(boundaries[bucket] ?? Infinity);
      }),
    );
  });

  test.each([-1, NaN])('refuses length %d, which only a wrong length function gives', (length) => {
    expect(() => bucketOf(length, [16])).toThrow(RangeError);
  });
});
