import { expect, test } from 'vitest';
import { bundleOfPart, partName } from '../../lib/jobs/part-names.ts';

test.each([
  [0, 1, 'part-00000-of-00001.jsonl'],
  [12, 340, 'part-00012-of-00340.jsonl'],
  [99_998, 99_999, 'part-99998-of-99999.jsonl'],
  [5, 100_000, 'part-000005-of-100000.jsonl'],
  [1_234_567, 2_000_000, 'part-1234567-of-2000000.jsonl'],
])('partName has as many digits as there are in the number of parts, at least five: %i of %i', (bundle, of, name) => {
  expect(partName(bundle, of)).toBe(name);
});

test.each([
  ['part-00012-of-00340.jsonl', 340, 12],
  ['part-00340-of-00340.jsonl', 340, undefined],
  ['part-00012-of-00341.jsonl', 340, undefined],
  ['part-12-of-340.jsonl', 340, undefined],
  ['part-00012-of-00340.jsonl.tmp', 340, undefined],
  ['part-000012-of-100000.jsonl', 100_000, 12],
])('bundleOfPart takes a name only as partName gives it: %s of %i', (name, of, bundle) => {
  expect(bundleOfPart(name, { of })).toBe(bundle);
});
