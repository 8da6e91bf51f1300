import { describe, expect, test } from 'vitest';
import { centred, resizePlanner, shortestResized } from '../../lib/models/resize-plan.ts';

describe('shortestResized', () => {
  // The other side is Python's int(shortest * longer / shorter), as torchvision computes it.
  test.each([
    [320, 240, 256, { width: 341, height: 256 }],
    [240, 320, 256, { width: 256, height: 341 }],
    [500, 375, 256, { width: 341, height: 256 }],
    [333, 500, 256, { width: 256, height: 384 }],
    [300, 300, 256, { width: 256, height: 256 }],
    [1, 1000, 256, { width: 256, height: 256_000 }],
    [49, 49, 49, { width: 49, height: 49 }],
  ])('makes %d × %d with %d as the shorter side', (width, height, shortest, expected) => {
    expect(shortestResized({ width, height }, shortest)).toEqual(expected);
  });
});

describe('centred', () => {
  // Python's round: halves to even.
  test.each([
    [256, 224, 16],
    [341, 224, 58],
    [343, 224, 60],
    [225, 224, 0],
    [227, 224, 2],
    [224, 224, 0],
  ])('cuts a side of %d to %d from %d on', (size, length, start) => {
    expect(centred(size, length)).toEqual({ start, length });
  });
});

describe('resizePlanner', () => {
  const result = { width: 224, height: 224, shortest: 256, filter: 'bilinear', antialias: true } as const;

  test('takes only the rows that the result needs', () => {
    const { rows, columns } = resizePlanner({ ...result, maxPixels: 1e8 })({ width: 100, height: 1_000_000 });
    expect(rows.end - rows.first).toBeLessThan(100);
    expect(rows.first).toBeGreaterThan(499_000);
    expect(columns.end - columns.first).toBeLessThanOrEqual(100);
  });

  test('has weights whose sum is 1, and none outside the image, for any size and filter', () => {
    for (const filter of ['bilinear', 'bicubic', 'lanczos3'] as const)
      for (const antialias of [true, false])
        for (const source of [1, 2, 3, 7, 100, 223, 224, 225, 1000]) {
          const image = { width: source, height: 3 * source };
          const axes = resizePlanner({ ...result, filter, antialias, maxPixels: 1e8 })(image);
          for (const [{ from, taps, weights, length }, size] of [
            [axes.columns, image.width],
            [axes.rows, image.height],
          ] as const) {
            expect(Math.min(...from)).toBeGreaterThanOrEqual(0);
            const last = from.map((first, index) => {
              const own = weights.subarray(index * taps, (index + 1) * taps);
              return first + own.findLastIndex((weight) => weight !== 0);
            });
            expect(Math.max(...last)).toBeLessThan(size);
            const sums = Array.from({ length }, (_, index) =>
              weights.subarray(index * taps, (index + 1) * taps).reduce((total, weight) => total + weight, 0),
            );
            expect(Math.abs(Math.min(...sums) / 2 ** 22 - 1)).toBeLessThan(1e-4);
            expect(Math.abs(Math.max(...sums) / 2 ** 22 - 1)).toBeLessThan(1e-4);
          }
        }
  });

  test('gives the same for the same size, however many others there were in between', () => {
    const planOf = resizePlanner({ ...result, maxPixels: 1e8 });
    const image = { width: 320, height: 240 };
    const before = structuredClone(planOf(image));
    expect(planOf(image)).toEqual(before);
    for (let width = 300; width < 400; width += 1) planOf({ width, height: 600 - width });
    expect(planOf(image)).toEqual(before);
    expect(planOf({ width: 240, height: 320 })).toEqual({ columns: before.rows, rows: before.columns });
  });
});
