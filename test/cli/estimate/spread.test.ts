import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { spread } from '../../../cli/estimate/spread.ts';

const listOf = (length: number) => Array.from({ length }, (_, index) => ({ index }));

describe('spread', () => {
  test('keeps all, each once, and the first one first', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 500 }), (length) => {
        const items = listOf(length);
        const spreadOut = spread(items);
        expect(spreadOut[0]).toBe(items[0]);
        expect(new Set(spreadOut)).toEqual(new Set(items));
        expect(spreadOut).toHaveLength(length);
      }),
    );
  });

  test('takes the first tenth from all over', () => {
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 2000 }), (length) => {
        const first = spread(listOf(length)).slice(0, Math.ceil(length / 10));
        const thirds = [0, 1, 2].map((third) =>
          first.filter(({ index }) => Math.floor((3 * index) / length) === third),
        );
        for (const third of thirds) expect(third.length).toBeGreaterThan(first.length / 6);
      }),
    );
  });
});
