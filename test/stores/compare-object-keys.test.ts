import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareKeys } from '../../lib/stores/compare-object-keys.ts';

describe('compareKeys', () => {
  test('orders as the bytes of UTF-8 do', () => {
    const text = fc.string({ unit: 'binary', maxLength: 5 });
    fc.assert(
      fc.property(text, text, text, (start, a, b) => {
        const bytes = Buffer.compare(Buffer.from(start + a), Buffer.from(start + b));
        expect(Math.sign(compareKeys(start + a, start + b))).toBe(bytes);
      }),
    );
    expect(['💥', '\uff5e', 'z'].sort(compareKeys)).toEqual(['z', '\uff5e', '💥']);
  });
});
