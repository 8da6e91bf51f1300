import { expect, test } from 'vitest';
import { partName } from '../../lib/jobs/part-names.ts';

test.each([
  [0, 1, 'part-00000-of-00001.jsonl'],
  [12, 340, 'part-00012-of-00340.jsonl'],
  [99_998, 99_999, 'part-99998-of-99999.jsonl'],
  [5, 100_000, 'part-000005-of-100000.jsonl'],
  [1_234_567, 2_000_000, 'part-1234567-of-2000000.jsonl'],
])('partName has as many digits as there are in the number of parts, at least five: %i of %i', (bundle, of, name) => {
  expect(partName(bundle, of)).toBe(name);
});
