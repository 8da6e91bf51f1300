import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toJson } from '../../lib/inference/worker/json.ts';

class Point {
  readonly x = 1;
  readonly y = Number.NaN;
}

describe('toJson', () => {
  test.each([
    ['NaN', Number.NaN, '"NaN"'],
    ['Infinity', Infinity, '"Infinity"'],
    ['-Infinity', -Infinity, '"-Infinity"'],
    ['-0', -0, '0'],
    ['undefined', undefined, 'null'],
    ['null', null, 'null'],
    ['a bigint up to 2^53', 2n ** 53n - 1n, '9007199254740991'],
    ['a bigint past 2^53', 2n ** 53n + 1n, '"9007199254740993"'],
    ['a negative bigint past 2^53', -(2n ** 53n), '"-9007199254740992"'],
    ['a number past 2^53', 2 ** 60, '1152921504606847000'],
    ['a string with line breaks', 'a\nb\u2028', '"a\\nb\u2028"'],
    ['a lone surrogate', '\ud800', '"\\ud800"'],
    ['what it finds inside of arrays', [Number.NaN, 1n, undefined, 'x'], '["NaN",1,null,"x"]'],
    ['a sparse array', Array(2), '[null,null]'],
    ['what it finds inside of objects', { a: { b: -Infinity }, c: undefined }, '{"a":{"b":"-Infinity"},"c":null}'],
    [
      'a Map',
      new Map<unknown, unknown>([
        ['a', Number.NaN],
        ['b', 3n],
      ]),
      '{"a":"NaN","b":3}',
    ],
    ['a Set', new Set([1, 2n]), '[1,2]'],
    ['a Date', new Date(0), '"1970-01-01T00:00:00.000Z"'],
    ['an invalid Date', new Date(Number.NaN), 'null'],
    ['a typed array', new Float32Array([0.5, Number.NaN]), '[0.5,"NaN"]'],
    ['a typed array of bigints', new BigInt64Array([1n, 2n ** 60n]), '[1,"1152921504606846976"]'],
    ['an instance of a class', new Point(), '{"x":1,"y":"NaN"}'],
    ['an object without a prototype', Object.assign(Object.create(null) as object, { a: 1 }), '{"a":1}'],
    ['a toJSON of its own', { toJSON: () => [Number.NaN] }, '["NaN"]'],
    ['a function', () => 1, 'null'],
    ['a symbol', Symbol('s'), 'null'],
  ])('says %s', (_what, value, json) => {
    expect(toJson(value)).toBe(json);
    expect(toJson({ value })).toBe(`{"value":${json}}`);
  });

  test('says whatever JSON can say as JSON.stringify does, on one line', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(toJson(value)).toBe(JSON.stringify(value));
        expect(toJson(value)).not.toMatch(/[\r\n]/);
      }),
    );
  });

  test('throws for a value that refers to itself', () => {
    const cyclic: unknown[] = [];
    cyclic.push({ cyclic });
    expect(() => toJson(cyclic)).toThrow(Error);
  });
});
