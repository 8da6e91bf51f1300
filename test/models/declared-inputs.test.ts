import { describe, expect, test } from 'vitest';
import {
  type DeclaredInputs,
  declaredFields,
  fieldsOfInputs,
  inputSelector,
} from '../../lib/models/declared-inputs.ts';
import { OnnxModelHandler } from '../../lib/models/onnx-model-handler.ts';
import type { TensorMetadata } from '../../lib/models/tensor.ts';

const PAIR: TensorMetadata = { name: 'pair', datatype: 'FP32', shape: ['N', 2] };
const COUNT: TensorMetadata = { name: 'count', datatype: 'INT64', shape: ['N'] };
const SEQUENCE: TensorMetadata = { name: 'sequence', datatype: 'FP32', shape: ['N', 'L', 2] };

const select = (declared: DeclaredInputs, inputs: readonly TensorMetadata[] | undefined, missing?: 'nan') =>
  inputSelector(declared, inputs, { missing });

describe('inputSelector', () => {
  const element = { a: 1, b: { c: '2', 'd.e': 3 }, 'b.c': undefined, 'x.y': 4, x: { y: 5 } };

  test.each([
    ['a list', { pair: ['a', 'b.c'] }, { pair: [1, '2'] }],
    ['a field', { pair: 'b.c' }, { pair: '2' }],
    ['a name with a dot before the field below', { pair: 'x.y' }, { pair: 4 }],
  ])('picks %s', (_, declared, expected) => {
    expect(select(declared, [PAIR])(element)).toEqual(expected);
  });

  test('gives a list or a field alone to the only input, or as it is where inputs are not known', () => {
    expect(select(['a', 'x.y'], [PAIR])(element)).toEqual({ pair: [1, 4] });
    expect(select('a', [COUNT])(element)).toEqual({ count: 1 });
    expect(select(['a', 'x.y'], undefined)(element)).toEqual([1, 4]);
    expect(select({ any: 'a' }, undefined)(element)).toEqual({ any: 1 });
  });

  test.each([
    [
      'an absent field',
      { z: 1, aa: 2 },
      "the element has no field 'a', which 'inputs' declares for 'count'; did you mean 'aa'?; its fields are [z, aa]",
    ],
    [
      'an element that is no object',
      5,
      "an element must be an object with the field 'a', which 'inputs' declares for 'count'",
    ],
    ['what an object inherits', Object.create({ a: 1 }), "the element has no field 'a'"],
  ])('refuses %s, and takes it as missing where these are NaN', (_, value, message) => {
    expect(() => select({ count: 'a' }, [COUNT])(value)).toThrow(message);
    expect(select({ count: 'a' }, [COUNT], 'nan')(value)).toEqual({ count: undefined });
  });
});

describe('fieldsOfInputs', () => {
  test.each([
    [
      'a name of no input',
      { pairs: 'a' },
      [PAIR, COUNT],
      "'inputs' must name inputs of the model, 'pair', 'count': got 'pairs'; did you mean 'pair'?",
    ],
    [
      'fields alone for several inputs',
      'a',
      [PAIR, COUNT],
      "'inputs' must name the model's inputs, 'pair', 'count', each with its field or list of fields",
    ],
    [
      'more fields than columns',
      ['a', 'b', 'c'],
      [PAIR],
      "'inputs' must declare 2 fields for 'pair', FP32 of shape [N, 2]: got 3",
    ],
    [
      'fields that fill no row',
      ['a', 'b', 'c'],
      [SEQUENCE],
      "'inputs' must declare a multiple of 2 fields for 'sequence', FP32 of shape [N, L, 2]: got 3",
    ],
  ])('refuses %s', (_, declared, inputs, message) => {
    expect(() => fieldsOfInputs(declared, inputs)).toThrow(message);
  });

  test('takes as many fields as fill a free dimension', () => {
    const fields = ['a', 'b', 'c', 'd'];
    expect(fieldsOfInputs(fields, [SEQUENCE])).toEqual([{ input: SEQUENCE, fields }]);
  });
});

test('declaredFields names each field once', () => {
  expect(declaredFields({ x: ['a', 'b'], y: 'a', z: 'c' })).toEqual(['a', 'b', 'c']);
  expect(declaredFields('a')).toEqual(['a']);
});

test.each([
  ['no fields', {}, "'inputs' must name at least one field"],
  ['an empty list', { x: [] }, "'inputs.x' must be the name of a field or a list of such names"],
  ['an empty name', ['a', ''], "'inputs' must be the name of a field or a list of such names"],
  ['a number', { x: 3 }, "'inputs.x' must be the name of a field or a list of such names"],
])('a handler refuses %s', (_, inputs, message) => {
  expect(() => new OnnxModelHandler({ modelUri: 'm.onnx', inputs: inputs as DeclaredInputs })).toThrow(message);
});
