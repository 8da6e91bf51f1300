import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { batchCodec } from '../../lib/models/batch-codec.ts';
import { collate, type CollateOptions } from '../../lib/models/collate.ts';
import { isArrayValue, isRecord } from '../../lib/models/element-shape.ts';
import { OnnxModelHandler } from '../../lib/models/onnx-model-handler.ts';
import type { Datatype, NamedTensors, TensorMetadata } from '../../lib/models/tensor.ts';

const FLOATS = ['FP16', 'FP32', 'FP64'] as const;
const COMPUTED = 'is NaN, which a function computed';

function input(shape: readonly (number | string)[], datatype: Datatype = 'FP32'): TensorMetadata {
  return { name: 'x', datatype, shape: ['N', ...shape] };
}

/** The values of one element in the tensor of its one input. */
function valuesOf(element: unknown, of: TensorMetadata, options: CollateOptions = {}): unknown[] {
  return dataOf(collate([element], [of], options));
}

function dataOf({ x }: NamedTensors): unknown[] {
  return Array.from<unknown>((x?.data ?? []) as ArrayLike<unknown>);
}

function row(value: unknown): unknown {
  return { x: [1, value, 3] };
}

/** The message with which the second of two elements fails; the first one fits. */
function messageOf(fitting: unknown, element: unknown, of: TensorMetadata, options: CollateOptions = {}): string {
  try {
    collate([fitting, element], [of], options);
  } catch (error) {
    expect(error).toMatchObject({ name: 'InputMismatchError', index: 1 });
    return (error as Error).message;
  }
  return expect.fail('both elements fit');
}

describe('NaN in an input', () => {
  const matrix = [
    [1, 2],
    [3, NaN],
  ];
  test.each([
    ['a number', Number('abc'), [], "input 'x'"],
    ['a field', { x: Number(undefined) }, [], "input 'x'"],
    ['an array', [1, NaN, 3], [3], "input 'x'[1]"],
    ['a field with an array', { x: [1, 2, NaN] }, [3], "input 'x'[2]"],
    ['a nested array', matrix, [2, 2], "input 'x'[1][1]"],
    ['a flat array for a matrix', matrix.flat(), [2, 2], "input 'x'[3]"],
    ['a Float32Array', Float32Array.of(1, NaN, 3), [3], "input 'x'[1]"],
    ['a Float64Array', Float64Array.of(NaN, 1, 3), [3], "input 'x'[0]"],
    ['a Float16Array', Float16Array.of(1, 1, NaN), [3], "input 'x'[2]"],
    ['an array of typed arrays', [Float32Array.of(1, 2), Float32Array.of(NaN, 4)], [2, 2], "input 'x'[1][0]"],
    ['an array of a free length', [1, NaN], ['length'], "input 'x'[1]"],
    ['an array with infinities of both signs', [Infinity, -Infinity, NaN], [3], "input 'x'[2]"],
  ])('that a function computed fails its element: %s', (_, element, shape, place) => {
    for (const datatype of FLOATS) {
      const message = messageOf(zeros(element), element, input(shape, datatype));
      expect(message).toMatch(`${place} ${COMPUTED}`);
      expect(message).toContain("missing: 'nan'");
    }
  });

  test('that a function computed goes in where missing values are NaN', () => {
    for (const datatype of FLOATS) {
      expect(valuesOf([1, NaN, 3], input([3], datatype), { missing: 'nan' })).toEqual([1, NaN, 3]);
      expect(valuesOf(Float32Array.of(NaN, 1), input([2], datatype), { missing: 'nan' })).toEqual([NaN, 1]);
    }
  });

  test('is not seen in infinities of both signs', () => {
    for (const datatype of FLOATS) {
      expect(valuesOf([Infinity, -Infinity], input([2], datatype))).toEqual([Infinity, -Infinity]);
    }
  });

  test('never goes into an integer', () => {
    for (const datatype of ['INT32', 'INT64', 'UINT8', 'BOOL'] as const) {
      const message = messageOf(0, NaN, input([], datatype), { missing: 'nan' });
      expect(message).toBe(`input 'x' must be ${datatype}: got NaN`);
    }
  });

  test('may fill what is padded', () => {
    const padding = { value: NaN };
    expect(dataOf(collate([[1, 2], [3]], [input(['length'])], { padding }))).toEqual([1, 2, 3, NaN]);
  });
});

/** The same fields and nesting with zeros. */
function zeros(value: unknown): unknown {
  if (isArrayValue(value)) return Array.from(value, zeros);
  return isRecord(value) ? Object.fromEntries(Object.entries(value).map(([name, item]) => [name, zeros(item)])) : 0;
}

describe('text for a float input', () => {
  test.each([
    ['NaN', NaN],
    ['nan', NaN],
    ['-nan', NaN],
    ['Infinity', Infinity],
    ['-Infinity', -Infinity],
    ['inf', Infinity],
    ['+inf', Infinity],
    ['-inf', -Infinity],
    ['INF', Infinity],
    [' 1.5 ', 1.5],
    ['+.5e-1', 0.05],
    ['5.', 5],
    ['-0', -0],
  ])('says %j', (text, value) => {
    for (const datatype of FLOATS) {
      const expected = datatype === 'FP16' ? Math.f16round(value) : datatype === 'FP32' ? Math.fround(value) : value;
      expect(valuesOf(text, input([], datatype))).toEqual([expected]);
      expect(valuesOf([text], input([1], datatype), { missing: 'nan' })).toEqual([expected]);
    }
  });

  test.each(['1_000', '0x10', '1,049.41', '1.2.3', '1e', '.', '-', 'infinite', 'n a n', '1 2', '١٢', 'True', '12 kg'])(
    'is refused where it only looks like a number: %j',
    (text) => {
      for (const missing of ['nan', 'fail'] as const) {
        const message = messageOf('0', text, input([]), { missing });
        expect(message).toMatch(/^input 'x' must be FP32: got (text that is not such a number|a truth value as text)$/);
      }
    },
  );

  test('is read in linear time, whatever it is', () => {
    const long = '1'.repeat(200_000);
    for (const text of [`${long}x`, `${long}.${long}x`, `${' '.repeat(200_000)}x`, `1e${long}x`]) {
      for (const datatype of ['FP32', 'INT64', 'INT8', 'BOOL'] as const) {
        expect(() => valuesOf(text, input([], datatype))).toThrow('must be');
      }
    }
    expect(() => valuesOf(long, input([], 'INT64'))).toThrow('must be INT64');
  });
});

describe('a missing value', () => {
  const MISSING = [null, undefined, '', '  ', 'NA', 'na', 'N/A', 'null', 'NULL', 'Null'];

  test.each(MISSING.map((value) => [inspect(value), value]))('fails its element by default: %s', (_, value) => {
    for (const datatype of FLOATS) {
      expect(messageOf(row(0), row(value), input([3], datatype))).toMatch(
        new RegExp(`^input 'x'\\[1\\] must be ${datatype}: got .*; missing: 'nan' reads it as NaN$`),
      );
    }
  });

  test.each(MISSING.map((value) => [inspect(value), value]))(
    "is NaN for a float with missing: 'nan': %s",
    (_, value) => {
      for (const datatype of FLOATS) {
        expect(valuesOf(row(value), input([3], datatype), { missing: 'nan' })).toEqual([1, NaN, 3]);
        expect(valuesOf({ x: value }, input([1], datatype), { missing: 'nan' })).toEqual([NaN]);
        expect(valuesOf({ x: [value] }, input(['length'], datatype), { missing: 'nan' })).toEqual([NaN]);
      }
    },
  );

  test.each(MISSING.map((value) => [inspect(value), value]))(
    'fails for an integer or BOOL in any case: %s',
    (_, value) => {
      for (const datatype of ['INT64', 'UINT8', 'BOOL'] as const) {
        const got = inspect(value).startsWith("'")
          ? /got (empty text|a word for a missing value)$/
          : /got (null|undefined)$/;
        for (const missing of ['nan', 'fail'] as const)
          expect(messageOf([1, 1, 1], { x: [1, value, 1] }, input([3], datatype), { missing })).toMatch(got);
      }
    },
  );

  test('is empty text for a string where it is null or undefined; text is itself', () => {
    const element = { x: [null, undefined, '', 'NA', 'null'] };
    expect(valuesOf(element, input([5], 'BYTES'), { missing: 'nan' })).toEqual(['', '', '', 'NA', 'null']);
    expect(valuesOf({}, input([], 'BYTES'), { missing: 'nan' })).toEqual(['']);
    expect(messageOf({ x: ['a', 'NA', ''] }, row(null), input([3], 'BYTES'))).toContain("'x'[0] must be BYTES");
    expect(messageOf({ x: 'NA' }, { x: null }, input([], 'BYTES'))).toContain("'x' is null, BYTES of shape [N]");
  });

  test('may be a field that is not there, if the input has one value for each element', () => {
    const columns: readonly TensorMetadata[] = [
      { name: 'age', datatype: 'FP32', shape: ['N', 1] },
      { name: 'visits', datatype: 'INT64', shape: ['N', 1] },
    ];
    const tensors = collate([{ visits: 3 }, { age: 7, visits: 4 }], columns, { missing: 'nan' });
    expect(tensors['age']?.data).toEqual(Float32Array.of(NaN, 7));
    expect(() => collate([{ visits: 3 }], columns)).toThrow("'age' is missing, FP32 of shape [N, 1]");
    expect(() => collate([{ age: 3 }], columns, { missing: 'nan' })).toThrow("'visits' must be INT64: got undefined");
    for (const shape of [[3], ['length']]) {
      expect(messageOf({ x: [1, 2, 3] }, {}, input(shape), { missing: 'nan' })).toContain("'x' is missing");
      expect(messageOf({ x: [1, 2, 3] }, { x: null }, input(shape), { missing: 'nan' })).toContain("'x' is null");
    }
  });

  test('is null for a model of one input, but not what a function without a result returns', () => {
    expect(valuesOf(null, input([]), { missing: 'nan' })).toEqual([NaN]);
    expect(messageOf(1, undefined, input([]), { missing: 'nan' })).toContain('got undefined');
    expect(messageOf(1, null, input([]))).toContain('got null');
  });

  test('is measured before it is packed: elements share a batch by their other inputs', () => {
    const inputs = [input(['length']), { name: 'age', datatype: 'FP32', shape: ['N', 1] } as const];
    const codecOf = (missing: 'nan' | 'fail') =>
      batchCodec(new OnnxModelHandler({ modelUri: 'a.onnx', missing }), inputs);
    const [some, none] = [
      { x: [1, 2], age: 3 },
      { x: [1, 2], age: null },
    ];
    expect(codecOf('nan').keyOf(none)).toBe(codecOf('nan').keyOf(some));
    expect(codecOf('nan').bytesOf(none)).toBe(12);
    expect(() => codecOf('fail').keyOf(none)).toThrow("'age' is null, FP32 of shape [N, 1]");
  });

  test('may be the one value of an input for the whole batch', () => {
    const scalar = { name: 'x', datatype: 'FP32', shape: [] } as const;
    expect(valuesOf({ x: null }, scalar, { missing: 'nan' })).toEqual([NaN]);
    expect(() => valuesOf({ x: NaN }, scalar)).toThrow(COMPUTED);
  });
});

describe('text for a string input', () => {
  test('fails where the runtime would end it at U+0000, in arrays as by itself', () => {
    const nul = 'before\0after';
    const ends = { endsTextAtNul: true };
    expect(messageOf('a', nul, input([], 'BYTES'), ends)).toContain("input 'x' contains U+0000");
    expect(messageOf(['a', 'b'], ['a', '\0'], input([2], 'BYTES'), ends)).toContain("input 'x'[1] contains U+0000");
    expect(messageOf(['a'], ['a', nul], input(['n'], 'BYTES'), { ...ends, padding: {} })).toContain("'x'[1] contains");
    expect(valuesOf(nul, input([], 'BYTES'))).toEqual([nul]);
  });

  test('fails where it has half of a surrogate pair', () => {
    for (const half of ['\ud83d half', 'half \ude00', '\ude00\ud83d']) {
      expect(messageOf('\u{1f600}', half, input([], 'BYTES'))).toContain("input 'x' contains half of a surrogate pair");
    }
  });
});

test('a free dimension without a name has one in messages', () => {
  const unnamed = { name: 'x', datatype: 'FP32', shape: ['', 3] } as const;
  expect(() => collate([[1]], [unnamed])).toThrow('FP32 of shape [N, 3], the first being the batch: got 1 values');
  expect(() => collate([[[1]]], [{ ...unnamed, shape: ['', '', 3] }])).toThrow('FP32 of shape [N, ?, 3]');
});

const square = (length: number, value: unknown = 1): unknown[][] =>
  Array.from({ length }, () => Array.from({ length }, () => value));

describe('the tensor of one element', () => {
  const LIMIT = { maxElementTensorBytes: 400 };

  test.each([
    ['floats', input(['a', 'b']), {}],
    ['strings, by the array that holds them', input(['a', 'b'], 'BYTES'), {}],
    ['an input for all elements', { ...input(['a', 'b']), shape: ['a', 'b'], isForAll: true }, {}],
    ['what is padded', input(['a', 'b']), { padding: { axis: 2 } }],
  ] as const)('is at most as large as maxElementTensorBytes: %s', (_, of, options) => {
    const value = of.datatype === 'BYTES' ? 'a' : 1;
    const fitting = of.datatype === 'BYTES' ? 7 : 10;
    expect(collate([square(fitting, value)], [of], { ...LIMIT, ...options })['x']?.shape).toContain(fitting);
    expect(() => collate([square(fitting + 1, value)], [of], { ...LIMIT, ...options })).toThrow(
      /bytes for this element, of shape \[\d+, \d+\]: the maximum is 400; raise 'maxElementTensorBytes'/,
    );
  });

  test('is measured before it is made: a ragged array of 150 KB is no tensor of 3.6 GB', () => {
    const ragged = [Array.from({ length: 30_000 }, () => 1), ...Array.from({ length: 30_000 }, () => [])];
    const message = messageOf([[1]], ragged, input(['a', 'b']), { padding: { axis: 2 } });
    expect(message).toContain('would have 3600120000 bytes');
    const handler = new OnnxModelHandler({ modelUri: 'm.onnx', padding: { axis: 2 } });
    for (const measure of ['keyOf', 'bytesOf'] as const) {
      expect(() => batchCodec(handler, [input(['a', 'b'])])[measure](ragged)).toThrow(message);
    }
  });

  test('has the size that the model gives it where no dimension is free', () => {
    expect(collate([square(11)], [input([11, 11])], LIMIT)['x']?.shape).toEqual([1, 11, 11]);
  });
});
