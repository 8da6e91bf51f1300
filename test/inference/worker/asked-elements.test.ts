import { anything, assert, property } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fingerprintOf } from '../../../lib/inference/worker/asked-elements.ts';

/** The same text as another that was cut out of one with wider characters, as lines are out of a page. */
const cutOutOfWider = (text: string): string => `\u4e00 ${text} \u4e00`.slice(2, 2 + text.length);

describe('the fingerprint of a value', () => {
  test('is the same however the value came about and is held', () => {
    expect(fingerprintOf(cutOutOfWider('a long enough line of text'))).toBe(
      fingerprintOf('a long enough line of text'),
    );
    const numbers = [1.5, 2];
    numbers[0] = 1;
    expect(fingerprintOf({ numbers })).toBe(fingerprintOf({ numbers: [1, 2] }));
    expect(fingerprintOf(Buffer.from([1, 2]))).toBe(fingerprintOf(new Uint8Array([0, 1, 2]).subarray(1)));
  });

  test('is the same for a copy by structured clone', () => {
    const cloneable = anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withTypedArray: true,
    });
    assert(
      property(cloneable, (value) => {
        expect(fingerprintOf(structuredClone(value))).toBe(fingerprintOf(value));
      }),
    );
  });

  test('tells apart what JSON does not', () => {
    const values = [
      0,
      -0,
      NaN,
      null,
      undefined,
      '0',
      0n,
      [],
      [0],
      [null],
      [undefined],
      [NaN],
      [[]],
      ['0'],
      {},
      { a: undefined },
      { a: null },
      { a: 'b,c' },
      { a: 'b', c: '' },
      new Uint8Array([1, 0]),
      new Uint16Array([1]),
      new Date(0),
      new Map(),
      new Set(),
      new Map([['a', null]]),
      '[]',
      true,
      'true',
    ];
    expect(new Set(values.map(fingerprintOf)).size).toBe(values.length);
  });

  test('is there for a value that refers to itself', () => {
    const value: Record<string, unknown> = { a: 1 };
    value['self'] = value;
    const other: Record<string, unknown> = { a: 2 };
    other['self'] = other;
    expect(fingerprintOf(value)).toBe(fingerprintOf(structuredClone(value)));
    expect(fingerprintOf(value)).not.toBe(fingerprintOf(other));
  });
});
