import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { halvesWithin, SizeCeiling } from '../../lib/batching/size-ceiling.ts';

function succeed(ceiling: SizeCeiling, batches: number, size = 1): void {
  for (let i = 0; i < batches; i++) ceiling.succeeded(size);
}

/** At 256: 512 ran out of memory and its halves succeeded. */
function capped(): SizeCeiling {
  const ceiling = new SizeCeiling();
  ceiling.exceeded(512);
  ceiling.recovered(512);
  return ceiling;
}

describe('SizeCeiling', () => {
  test('is no limit until something runs out of memory, however much succeeds', () => {
    const ceiling = new SizeCeiling();
    succeed(ceiling, 500, 1024);
    expect(ceiling.limit()).toBe(Infinity);
  });

  test('learns nothing from a batch whose halves fail too', () => {
    const ceiling = new SizeCeiling();
    ceiling.exceeded(512);
    ceiling.exceeded(256);
    expect(ceiling.limit()).toBe(Infinity);
  });

  test('remembers the halves that succeeded, the larger where they differ', () => {
    expect(capped().limit()).toBe(256);
    const odd = new SizeCeiling();
    odd.exceeded(7);
    odd.recovered(7);
    expect(odd.limit()).toBe(4);
  });

  test('only ever comes down by recovering', () => {
    const ceiling = capped();
    ceiling.recovered(1024);
    expect(ceiling.limit()).toBe(256);
    ceiling.exceeded(256);
    ceiling.recovered(256);
    expect(ceiling.limit()).toBe(128);
  });

  test('never forbids a batch of one', () => {
    const ceiling = new SizeCeiling();
    ceiling.recovered(2);
    ceiling.recovered(1);
    expect(ceiling.limit()).toBe(1);
  });

  test('allows one step more after a hundred successes, and keeps it when it succeeds', () => {
    const ceiling = capped();
    succeed(ceiling, 99, 256);
    expect(ceiling.limit()).toBe(256);
    succeed(ceiling, 1, 256);
    expect(ceiling.limit()).toBe(512);
    ceiling.succeeded(512);
    expect(ceiling.limit()).toBe(512);
    succeed(ceiling, 99, 512);
    expect(ceiling.limit()).toBe(512);
    succeed(ceiling, 1, 512);
    expect(ceiling.limit()).toBe(1024);
  });

  test('raises the ceiling only as far as a batch has shown', () => {
    const ceiling = capped();
    succeed(ceiling, 100);
    ceiling.succeeded(300);
    expect(ceiling.limit()).toBe(300);
  });

  test('goes back at once when the step more runs out of memory, and waits for another hundred', () => {
    const ceiling = capped();
    succeed(ceiling, 100, 256);
    ceiling.exceeded(512);
    expect(ceiling.limit()).toBe(256);
    ceiling.recovered(512);
    succeed(ceiling, 99, 256);
    expect(ceiling.limit()).toBe(256);
    succeed(ceiling, 1, 256);
    expect(ceiling.limit()).toBe(512);
  });

  test('keeps the step more open until a batch is large enough to tell', () => {
    const ceiling = capped();
    succeed(ceiling, 300, 100);
    expect(ceiling.limit()).toBe(512);
  });

  test('is not lifted by larger batches that were under way when it was found', () => {
    const ceiling = capped();
    ceiling.succeeded(512);
    expect(ceiling.limit()).toBe(256);
    succeed(ceiling, 99);
    ceiling.succeeded(4096);
    expect(ceiling.limit()).toBe(512);
  });
});

describe('halvesWithin', () => {
  test('is the whole batch where it is within the limit, nothing of nothing', () => {
    expect(halvesWithin(7, Infinity)).toEqual([[0, 7]]);
    expect(halvesWithin(7, 7)).toEqual([[0, 7]]);
    expect(halvesWithin(0, 7)).toEqual([]);
  });

  test('cuts by halves, the larger first', () => {
    expect(halvesWithin(7, 2)).toEqual([
      [0, 2],
      [2, 4],
      [4, 6],
      [6, 7],
    ]);
  });

  test('covers the batch in order with pieces within the limit, as finding the limit out does', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 600 }), fc.integer({ min: 1, max: 600 }), (size, limit) => {
        const pieces = halvesWithin(size, limit);
        expect(pieces.flatMap(([start, end]) => Array.from({ length: end - start }, (_, i) => start + i))).toEqual(
          Array.from({ length: size }, (_, i) => i),
        );
        expect(pieces.every(([start, end]) => end > start && end - start <= limit)).toBe(true);
        // Running out of memory at every size above the limit, one failure at a time.
        const found: [number, number][] = [];
        const queue: [number, number][] = [[0, size]];
        for (let piece = queue.shift(); piece !== undefined; piece = queue.shift()) {
          const [start, end] = piece;
          const middle = start + Math.ceil((end - start) / 2);
          if (end - start <= limit) found.push(piece);
          else queue.unshift([start, middle], [middle, end]);
        }
        expect(pieces).toEqual(found);
      }),
    );
  });

  test('makes the same pieces with a limit that was learned at one size as by finding it out at each', () => {
    const ceiling = capped();
    expect(halvesWithin(1024, ceiling.limit())).toEqual(halvesWithin(1024, 511));
  });

  test.each([0, NaN, -1])('refuses a limit of %d', (limit) => {
    expect(() => halvesWithin(4, limit)).toThrow(RangeError);
  });
});
