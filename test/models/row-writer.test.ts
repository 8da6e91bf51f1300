import { describe, expect, test } from 'vitest';
import type { Missing } from '../../lib/models/missing-values.ts';
import { rowWriter } from '../../lib/models/row-writer.ts';
import type { Datatype } from '../../lib/models/tensor.ts';

type FlatValue = ArrayLike<number> | ArrayLike<bigint>;

/** Writes values as the second of three rows, and returns all three. */
function written(datatype: Datatype, values: FlatValue, missing?: Missing): unknown[] {
  const { length } = values;
  const input = { name: 'x', datatype, shape: ['N', length] };
  const row = rowWriter({ input, shape: [length], rows: 3, missing });
  row.write(values, length);
  return Array.from<unknown>(row.data);
}

function between(values: FlatValue, zero: number | bigint = 0): unknown[] {
  const zeros = Array.from({ length: values.length }, () => zero);
  return [...zeros, ...Array.from<unknown>(values), ...zeros];
}

describe('rowWriter', () => {
  test.each([
    ['UINT8', Uint8Array.of(0, 255)],
    ['UINT8', Buffer.of(0, 255)],
    ['UINT16', Uint16Array.of(0, 65_535)],
    ['UINT32', Uint32Array.of(0, 4_294_967_295)],
    ['INT8', Int8Array.of(-128, 127)],
    ['INT16', Int16Array.of(-32_768, 32_767)],
    ['INT32', Int32Array.of(-1, 1)],
    ['FP16', Float16Array.of(-1.5, 2)],
    ['FP32', Float32Array.of(-1.5, 2)],
    ['FP64', Float64Array.of(-0.1, 2)],
    ['BOOL', Uint8Array.of(1, 0)],
    ['INT32', Uint8Array.of(0, 255)],
    ['FP32', Uint8ClampedArray.of(0, 255)],
    ['FP64', Float32Array.of(-1.5, 2)],
  ] as const)('writes a typed array to its row of a %s tensor: %o', (datatype, values) => {
    expect(written(datatype, values)).toEqual(between(values));
  });

  test.each([
    ['INT64', BigInt64Array.of(-(2n ** 63n), 1n)],
    ['UINT64', BigUint64Array.of(0n, 2n ** 64n - 1n)],
  ] as const)('writes large integers to their row of a %s tensor: %o', (datatype, values) => {
    expect(written(datatype, values)).toEqual(between(values, 0n));
  });

  test.each([
    ['BOOL', Uint8Array.of(1, 2)],
    ['UINT8', Int8Array.of(1, -1)],
    ['INT8', Uint8Array.of(1, 128)],
    ['INT64', BigUint64Array.of(1n, 2n ** 63n)],
    ['INT32', Float32Array.of(1, 1.5)],
  ] as const)('refuses values of a typed array that do not fit a %s tensor: %o', (datatype, values) => {
    expect(() => written(datatype, values)).toThrow(`input 'x'[1] must be ${datatype}`);
  });

  const floats = [
    ['FP16', Float16Array],
    ['FP32', Float32Array],
    ['FP64', Float64Array],
  ] as const;

  test('finds NaN at every place of a typed array, and of a part of one', () => {
    for (const [datatype, type] of floats)
      for (const length of [1, 2, 3, 4, 5, 8, 11])
        for (let place = 0; place < length; place += 1) {
          const numbers = Array.from({ length }, (_, index) => (index === place ? NaN : index - 2));
          const values = new type([7, ...numbers, 7]).subarray(1, length + 1);
          expect(() => written(datatype, values)).toThrow(`input 'x'[${place}] is NaN, which a function computed`);
          expect(written(datatype, values, 'nan')).toEqual(between(numbers));
        }
  });

  test('finds no NaN in infinities and in numbers whose sum is infinite', () => {
    for (const [datatype, type] of floats) {
      const values = type.of(Infinity, 1, 1, 1, -Infinity);
      expect(written(datatype, values)).toEqual(between(values));
    }
    const large = Float64Array.of(1e308, -1e308, 1, 1, 1e308, -1e308, 1e308, 1e308);
    expect(written('FP64', large)).toEqual(between(large));
  });
});
