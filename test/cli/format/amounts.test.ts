import { assert, double, integer, oneof, property } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { counted, dollars, duration, number, rough } from '../../../cli/format/amounts.ts';

describe('amounts', () => {
  test('of money have cents, and below ten of them two digits', () => {
    expect([0, 1234.5, 12.345, 0.5, 0.0123, 0.000_000_12].map(dollars)).toEqual([
      '$0.00',
      '$1,235',
      '$12.35',
      '$0.50',
      '$0.012',
      '$0.00000012',
    ]);
  });

  test('of time are in the unit that says most', () => {
    expect([0.0042, 9.87, 61, 600, 7300, 3e5].map(duration)).toEqual([
      '0.0042 s',
      '9.9 s',
      '61 s',
      '10 min',
      '2 h',
      '3.5 days',
    ]);
  });

  test('of things are said in so many digits as they are known', () => {
    expect([0, 0.123, 1.26, 99.6, 1234, 56_789, 1.26e6, 3e9].map(rough)).toEqual([
      '0',
      '0.12',
      '1.3',
      '100',
      '1,200',
      '57,000',
      '1.3 million',
      '3 billion',
    ]);
    expect([0.000_123_45, 1.2345, 12_345.6, 12_345].map((value) => number(value))).toEqual([
      '0.000123',
      '1.23',
      '12,300',
      '12,345',
    ]);
    expect([counted(1, 'run'), counted(1.2, 'run'), counted(0, 'run')]).toEqual(['1 run', '2 runs', '0 runs']);
  });
});

describe('number', () => {
  test('formats as toLocaleString does, in its whole range', () => {
    const finite = double({ noNaN: true, noDefaultInfinity: true });
    assert(
      property(oneof(finite, integer(), double({ min: -1e5, max: 1e5, noNaN: true })), (value) => {
        const options = Number.isInteger(value) ? {} : { maximumSignificantDigits: 3 };
        expect(number(value)).toBe((value + 0).toLocaleString('en', options));
      }),
      { numRuns: 2000 },
    );
  });
});
