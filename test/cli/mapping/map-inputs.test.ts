import { describe, expect, test } from 'vitest';
import { mapInputs } from '../../../cli/mapping/map-inputs.ts';
import type { InspectedModel, InspectedTensor } from '../../../lib/models/inspect-onnx.ts';

function model(...inputs: readonly (readonly [name: string, datatype: string, ...rest: number[]])[]): InspectedModel {
  const tensors: readonly InspectedTensor[] = inputs.map(([name, datatype, ...rest]) => ({
    name,
    datatype,
    shape: ['N', ...rest],
    batchDimension: 0,
  }));
  const facts = { bytes: 1, digest: '', externalData: [], irVersion: 8, opset: {}, producer: '', outputs: [] };
  return { model: 'm.onnx', kind: 'onnx', ...facts, inputs: tensors };
}

function data(...elements: readonly unknown[]) {
  return { name: 'd.csv', elements };
}

const abc = model(['X', 'FP32', 3]);
const row = { id: 'r1', a: '1', b: '2.5', c: '-3', label: 'yes' };

describe('mapInputs', () => {
  test('needs no mapping if fields have the names of all inputs, or elements are the one input', () => {
    expect(mapInputs(model(['a', 'FP32', 1], ['label', 'BYTES', 1]), data(row))).toEqual({});
    expect(mapInputs(abc, data([1, 2, 3]))).toEqual({});
    expect(mapInputs(model(['text', 'BYTES']), data('a line'))).toEqual({});
  });

  test('maps names that differ only in case, "_" and "-", and says so', () => {
    const { inputs, note } = mapInputs(
      model(['Mean_Age', 'FP32', 1], ['b', 'FP32', 1]),
      data({ 'mean-age': '4', b: '1' }),
    );
    expect(inputs).toEqual({ Mean_Age: 'mean-age', b: 'b' });
    expect(note).toContain("'Mean_Age' is 'mean-age'");
  });

  test('takes all columns in their order if they are as many numbers as the one input has, and says so', () => {
    const { inputs, note } = mapInputs(abc, data({ p: '1', q: '2', r: '3' }));
    expect(inputs).toEqual(['p', 'q', 'r']);
    expect(note).toBe("the 3 columns of d.csv are the input 'X', in their order");
  });

  test('takes the columns that the user names, for one input or for several', () => {
    expect(mapInputs(abc, data(row), ['a,b, c'])).toEqual({ inputs: ['a', 'b', 'c'] });
    expect(mapInputs(abc, data(row), ['X=c,b,a'])).toEqual({ inputs: ['c', 'b', 'a'] });
    const two = model(['x', 'FP32', 2], ['label', 'BYTES']);
    expect(mapInputs(two, data(row), ['x=a,b'])).toEqual({ inputs: { x: ['a', 'b'], label: 'label' } });
    expect(mapInputs(abc, data({ features: [1, 2, 3] }), ['features'])).toEqual({ inputs: 'features' });
  });

  test('refuses columns that are missing, too few, or without an input, and names the nearest', () => {
    const two = model(['x', 'FP32', 2], ['y', 'FP32', 1]);
    expect(() => mapInputs(abc, data({ alpha: 1, b: 2, c: 3 }), ['alhpa,b,c'])).toThrow(
      "'--input-columns' names 'alhpa', and d.csv has no such column; did you mean 'alpha'?; its columns are alpha, b, c",
    );
    expect(() => mapInputs(abc, data(row), ['a,b'])).toThrow(
      "'--input-columns' must name 3 columns for input 'X': FP32 [batch, 3]: it names 2",
    );
    expect(() => mapInputs(two, data(row), ['a,b'])).toThrow("'--input-columns x=a,b', once for each");
    expect(() => mapInputs(two, data(row), ['x=a,b'])).toThrow("'y': FP32 [batch, 1]");
  });

  test("lists the model's inputs beside the file's fields, with the nearest of each and the option to give", () => {
    expect(() => mapInputs(abc, data(row))).toThrow(
      [
        'the inputs of m.onnx are not fields of d.csv:',
        '  input                 nearest field',
        "  'X': FP32 [batch, 3]  -",
        'fields of d.csv: id, a, b, c, label',
        'If these are its columns, in the order of training: --input-columns a,b,c',
      ].join('\n'),
    );
    const named = model(['sepal_length', 'FP32', 1], ['petal', 'FP32', 1]);
    expect(() => mapInputs(named, data({ sepal_lenght: '1', id: '3' }))).toThrow(
      "  'sepal_length': FP32 [batch, 1]  'sepal_lenght'\n  'petal': FP32 [batch, 1]         -\n",
    );
  });

  test('refuses rows of another width, and text where the model takes numbers', () => {
    expect(() => mapInputs(abc, data([1, 2]))).toThrow('takes 3 values, and the rows of d.csv have 2');
    expect(() => mapInputs(abc, data('some words'))).toThrow('takes numbers, and the elements of d.csv are text');
    expect(() => mapInputs(abc, data({ a: '1', b: '2' }))).toThrow('takes 3 values, and the file has 2 fields');
  });
});
