import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { weightedChoice } from '../../../../lib/inference/worker/steps/split.ts';

// The first 32 bits of SHA-256: ba7816bf, 2cf24dba, fcde2b2e; of 2^32 that is 0.7284, 0.1756 and 0.9878.
test.each([
  ['abc', 'b', 'a'],
  ['hello', 'a', 'a'],
  ['bar', 'c', 'b'],
] as const)('the id %s always goes the same way', (id, ofThree, ofTwo) => {
  expect(weightedChoice(Object.entries({ a: 1, b: 2.8, c: 0.2 }))(id)).toBe(ofThree);
  expect(weightedChoice(Object.entries({ a: 9, b: 1 }))(id)).toBe(ofTwo);
});

test('names are chosen as often as their weights say', () => {
  const choose = weightedChoice(Object.entries({ a: 0, b: 90, c: 0, d: 10, e: 0 }));
  const chosen = Array.from({ length: 20_000 }, (_, n) => choose(`wine#${n}`));
  expect(new Set(chosen)).toEqual(new Set(['b', 'd']));
  expect(Math.abs(chosen.filter((name) => name === 'd').length / 20_000 - 0.1)).toBeLessThan(0.01);
});

test('growing a branch keeps every id that it had', () => {
  const ids = Array.from({ length: 2000 }, (_, n) => createHash('md5').update(`${n}`).digest('hex'));
  const before = weightedChoice(Object.entries({ next: 1, now: 9 }));
  const after = weightedChoice(Object.entries({ next: 5, now: 5 }));
  const had = ids.filter((id) => before(id) === 'next');
  expect(had.length).toBeGreaterThan(100);
  expect(had.every((id) => after(id) === 'next')).toBe(true);
});
