import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CostModel } from '../../lib/batching/cost-model.ts';

function modelOf(...records: readonly (readonly [size: number, millis: number])[]): CostModel {
  const model = new CostModel();
  for (const [size, millis] of records) model.record(size, millis);
  return model;
}

describe('CostModel', () => {
  test('knows nothing before the first record', () => {
    const model = new CostModel();
    expect(model.fit()).toBeUndefined();
    expect(model.expectedMillis(1)).toBeUndefined();
    expect(model.sizes()).toBeUndefined();
  });

  test('finds the costs of any linear machine', () => {
    const cost = fc.double({ min: 0, max: 1000, noNaN: true });
    fc.assert(
      fc.property(cost, cost, (fixed, perElement) => {
        const model = modelOf(...[1, 2, 4, 8, 16].map((n) => [n, fixed + perElement * n] as const));
        for (const n of [1, 5, 16, 100]) {
          const expected = fixed + perElement * n;
          expect(model.expectedMillis(n)).toBeGreaterThanOrEqual(expected * 0.99 - 0.01);
          expect(model.expectedMillis(n)).toBeLessThanOrEqual(expected * 1.01 + 0.01);
        }
      }),
    );
  });

  test('of one size only, puts all down to the elements and expects no less of a smaller batch', () => {
    const model = modelOf([10, 30], [10, 30]);
    expect(model.fit()).toEqual({ fixedMillis: 0, perElementMillis: 3 });
    expect(model.expectedMillis(20)).toBe(60);
    expect(model.expectedMillis(1)).toBe(30);
  });

  test('never has a negative cost', () => {
    const records = fc.array(
      fc.tuple(fc.integer({ min: 1, max: 2000 }), fc.double({ min: 0, max: 1e6, noNaN: true })),
      {
        minLength: 1,
      },
    );
    fc.assert(
      fc.property(records, (all) => {
        const fit = modelOf(...all).fit();
        expect(fit?.fixedMillis).toBeGreaterThanOrEqual(0);
        expect(fit?.perElementMillis).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  test('has no fixed cost where larger batches take more than their share, no other where they take less', () => {
    expect(modelOf([10, 10], [20, 24]).fit()?.fixedMillis).toBe(0);
    expect(modelOf([10, 10], [20, 9]).fit()?.perElementMillis).toBe(0);
  });

  test('drops a single pause, whenever it comes', () => {
    const sizes = [1, 1, 1, 2, 2, 2, 4, 8, 16, 32, 64];
    for (let pause = 0; pause < sizes.length; pause++) {
      const model = modelOf(...sizes.map((n, i) => [n, (20 + n) * (i === pause ? 50 : 1)] as const), [64, 84]);
      expect(model.fit()?.fixedMillis).toBeCloseTo(20, 6);
      expect(model.fit()?.perElementMillis).toBeCloseTo(1, 6);
    }
  });

  test('is not moved by short pauses that every third batch has', () => {
    const model = new CostModel();
    for (const n of [1, 2, 4, 8, 16]) {
      for (const pause of [2.5, 1, 1]) model.record(n, (20 + n) * pause);
    }
    expect(model.fit()?.fixedMillis).toBeCloseTo(20, 6);
    expect(model.fit()?.perElementMillis).toBeCloseTo(1, 6);
  });

  test.each([
    ['slower', 10],
    ['quicker', 0.1],
  ])('believes a machine that has become ten times %s at the third batch in a row', (_, factor) => {
    const model = modelOf([1, 21], [2, 22], [4, 24], [8, 28]);
    model.record(8, 28 * factor);
    model.record(8, 28 * factor);
    expect(model.expectedMillis(8)).toBeCloseTo(28, 6);
    model.record(8, 28 * factor);
    expect(model.expectedMillis(8)).toBeCloseTo(28 * factor, 6);
    expect(model.sizes()).toEqual({ smallest: 8, largest: 8 });
  });

  test('never believes pauses that ordinary batches come between, nor surprises of both kinds', () => {
    const model = modelOf([8, 28], [1, 21]);
    for (let i = 0; i < 10; i++) {
      for (const millis of [1400, 1400, 28]) model.record(8, millis);
      for (const millis of [1400, 1, 1400, 1, 28]) model.record(8, millis);
    }
    expect(model.expectedMillis(8)).toBeCloseTo(28, 6);
  });

  test('weighs errors by the time measured, so a noisy large batch does not blur the fixed cost', () => {
    const model = modelOf([1, 11], [2, 12], [4, 14], [8, 18], [500, 650], [1000, 770]);
    expect(model.fit()?.fixedMillis).toBeGreaterThan(9);
    expect(model.fit()?.fixedMillis).toBeLessThan(11);
  });

  test('does not take the noise of very short times for a change', () => {
    const model = modelOf([1, 0.01], [1, 0.9], [1, 0.9], [1, 0.9]);
    expect(model.count(1, 1)).toBe(4);
  });

  test('still knows the small batches after hundreds of one large size, and forgets them in the end', () => {
    const model = modelOf([1, 51], [2, 52], [4, 54]);
    for (let i = 0; i < 500; i++) model.record(900, 950);
    expect(model.fit()?.fixedMillis).toBeCloseTo(50, 6);
    for (let i = 0; i < 100; i++) model.record(900, 950);
    expect(model.sizes()).toEqual({ smallest: 900, largest: 900 });
  });

  test('keeps a bounded history', () => {
    const model = new CostModel();
    for (let i = 0; i < 5000; i++) model.record(1 + (i % 1024), 1 + (i % 1024));
    expect(model.count(0, Infinity)).toBeLessThanOrEqual(41 * 9);
  });

  test('ignores what is no measurement', () => {
    const model = modelOf([0, 1], [1.5, 1], [-1, 1], [NaN, 1], [1, NaN], [1, -1], [1, Infinity], [Infinity, 1]);
    expect(model.fit()).toBeUndefined();
  });
});
