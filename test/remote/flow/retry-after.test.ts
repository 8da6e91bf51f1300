import { expect, test } from 'vitest';
import { retryAfterMillis } from '../../../lib/remote/flow/retry-after.ts';

const NOW = Date.UTC(2026, 10, 21, 8, 0, 0);

test.each([
  ['120', 120_000],
  [' 0.5 ', 500],
  ['0', 0],
  // The three forms of RFC 9110, section 5.6.7.
  ['Sat, 21 Nov 2026 08:00:30 GMT', 30_000],
  ['Saturday, 21-Nov-26 08:00:30 GMT', 30_000],
  ['Sat Nov 21 08:00:30 2026 GMT', 30_000],
  ['Sat, 21 Nov 2026 07:00:00 GMT', 0],
  ['86400', 3_600_000],
  ['Sat, 21 Nov 2027 08:00:00 GMT', 3_600_000],
  ['99999999999999999999999', 3_600_000],
])('Retry-After: %s is %i ms', (value, millis) => expect(retryAfterMillis(value, NOW)).toBe(millis));

test.each([null, undefined, '', 'soon', '-5', '1e3', 'Infinity', 'NaN', '2026-11-21', 'Sat, 99 Foo 2026 08:00:30 GMT'])(
  'Retry-After: %s says nothing',
  (value) => expect(retryAfterMillis(value, NOW)).toBeUndefined(),
);
