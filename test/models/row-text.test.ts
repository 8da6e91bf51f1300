import { expect, test } from 'vitest';
import { LineBytes } from '../../lib/inference/worker/line-bytes.ts';
import { rowJson } from '../../lib/models/row-json.ts';
import { rowText } from '../../lib/models/row-text.ts';
import type { NamedTensors, Tensor } from '../../lib/models/tensor.ts';

const FLOATS = [0, -0, 1, -1.5, 0.1, 1e21, 1e-7, 5e-324, 123_456.789, 3.4e38, 2 ** 53, -7e-10];
const floats = (shape: readonly number[]): Tensor => ({
  datatype: 'FP32',
  shape,
  data: Float32Array.from({ length: shape.reduce((size, one) => size * one, 1) }, (_, at) => FLOATS[at % 12] as number),
});

function written(outputs: NamedTensors, rows: number): readonly string[] | undefined {
  const text = rowText(outputs, rows);
  if (text === undefined) return undefined;
  const line = new LineBytes();
  const texts = Array.from({ length: rows }, () => {
    text.writeRow(line);
    return Buffer.from(line.drain()).toString();
  });
  text.free();
  return texts;
}

test.each<[string, NamedTensors]>([
  ['a list of each row', { y: floats([5, 3]) }],
  ['long lists', { y: floats([5, 2000]) }],
  ['one number of each row', { 'a "name"': floats([5]) }],
  ['several outputs', { scores: floats([5, 2]), best: floats([5]), ü: floats([5, 1]) }],
  ['doubles', { y: { datatype: 'FP64', shape: [5, 2], data: Float64Array.from({ length: 10 }, (_, at) => at / 3) } }],
  ['integers', { y: { datatype: 'INT32', shape: [5], data: Int32Array.of(0, -1, 7, 2 ** 31 - 1, -(2 ** 31)) } }],
  [
    '64-bit integers',
    { y: { datatype: 'INT64', shape: [5], data: BigInt64Array.of(0n, -1n, 7n, 2n ** 53n - 1n, 9n) } },
  ],
  ['more rows than elements', { y: floats([8, 3]) }],
])('the rows of a batch that are written at once are those that are written one by one: %s', (_, outputs) => {
  const json = rowJson(outputs);
  expect(written(outputs, 5)).toEqual(Array.from({ length: 5 }, (__, index) => json(index)));
});

test.each<[string, NamedTensors]>([
  ['NaN', { y: { datatype: 'FP32', shape: [2], data: Float32Array.of(1, NaN) } }],
  ['an infinity', { y: { datatype: 'FP32', shape: [2], data: Float32Array.of(1, -Infinity) } }],
  ['an integer past 2^53', { y: { datatype: 'INT64', shape: [2], data: BigInt64Array.of(1n, 2n ** 53n) } }],
  ['text', { y: { datatype: 'BYTES', shape: [2], data: ['a', 'b'] } }],
  ['truth values', { y: { datatype: 'BOOL', shape: [2], data: Uint8Array.of(0, 1) } }],
  ['lists in lists', { y: floats([2, 2, 2]) }],
  ['empty lists', { y: floats([2, 0]) }],
  ['no outputs', {}],
  ['one output that is not a number', { x: floats([2]), y: { datatype: 'BYTES', shape: [2], data: ['a', 'b'] } }],
])('rows are left to be written one by one where there is %s', (_, outputs) => {
  expect(written(outputs, 2)).toBeUndefined();
});

test('lines of bytes take texts, integers and copies in their order, beyond their first capacity', () => {
  const line = new LineBytes();
  let expected = '';
  for (let index = 0; index < 30_000; index += 1) {
    const integer = index * 31_337;
    line.write('"ü🚀"');
    line.writeInteger(integer);
    line.copy(Buffer.from('-plain-'), 1, 6);
    expected += `"ü🚀"${integer}plain`;
  }
  for (const integer of [0, 9, 10, 99, 100, 2 ** 40, 2 ** 53 - 1]) {
    line.writeInteger(integer);
    line.write('\n');
    expected += `${integer}\n`;
  }
  expect(line.length).toBe(Buffer.byteLength(expected));
  expect(Buffer.from(line.drain()).toString()).toBe(expected);
  expect(line.length).toBe(0);
});
