import { describe, expect, test } from 'vitest';
import { ENDPOINTS } from './endpoints.ts';
import { FORMATS } from './formats.ts';
import { growthOf, MAX_GROWTH, repeated, worstCase } from './growth.ts';
import { JOBS } from './jobs.ts';

describe('the time for twice the data is about twice the time', () => {
  test.each([...FORMATS, ...ENDPOINTS, ...JOBS])('for $name', async (worst) => {
    expect(await growthOf(worst)).toBeLessThanOrEqual(MAX_GROWTH);
  });
});

test('a pattern that takes quadratic time is found', async () => {
  const strings = /"(?:[^"\\]|\\.)*"/g;
  const quadratic = worstCase(
    '',
    36 * 1024,
    (n) => `"${repeated('\\"', n)}`,
    (text) => text.replaceAll(strings, ''),
  );
  expect(await growthOf(quadratic)).toBeGreaterThan(MAX_GROWTH);
});
