import { ElementMismatchError } from '../../models/collate.ts';
import { toBigInt, toNumber } from '../../models/number-parsing.ts';
import { allocate, type NumericDatatype, type Tensor, type TensorData } from '../../models/tensor.ts';
import { NotTheProtocolError } from '../http/http-client.ts';
import type { OutputLayout } from './binary-tensors.ts';

/**
 * Returns a tensor's values as JSON: flat, row-major. 64-bit integers have all their digits. JSON has no NaN: `null` stands
 * for it, which servers in Python read as NaN.
 *
 * @throws ElementMismatchError for an element that has an infinity, which JSON cannot represent.
 */
export function jsonOfTensor(name: string, { datatype, shape, data }: Tensor): string {
  if (datatype === 'BYTES') return JSON.stringify(data);
  if (datatype === 'BOOL') return `[${Array.from(data as Uint8Array, (value) => value !== 0).join(',')}]`;
  const numbers = `[${joined(data as Float32Array)}]`;
  if (!/[NI]/.test(numbers)) return numbers;
  if (numbers.includes('I')) throw infinite(name, shape, data as Float32Array);
  return numbers.replaceAll('NaN', 'null');
}

/** Joins numbers with every digit and the sign of a zero, which `join` omits. The sign needs a decimal point: an integer has none. */
function joined(data: Float32Array): string {
  if (!data.includes(0)) return data.join(',');
  return Array.from(data, (value) => (Object.is(value, -0) ? '-0.0' : String(value))).join(',');
}

function infinite(name: string, [rows = 1]: readonly number[], data: Float32Array): ElementMismatchError {
  const place = data.findIndex((value) => Math.abs(value) === Infinity);
  const index = Math.floor(place / (data.length / rows));
  return new ElementMismatchError(
    index,
    `input '${name}' has an infinity, which JSON cannot represent: set 'binary: true' if the server accepts binary tensors`,
  );
}

/**
 * Returns the tensor of an answer's output, whose values are flat or nested.
 *
 * @throws NotTheProtocolError if their number does not match the shape, or their type the datatype.
 */
export function tensorOfJson({ name, datatype, shape }: OutputLayout, json: unknown): Tensor {
  if (!Array.isArray(json)) throw new NotTheProtocolError(`no data for its output '${name}'`);
  const values: readonly unknown[] = json.some(Array.isArray) ? json.flat(Infinity) : json;
  const length = shape.reduce((product, dimension) => product * dimension, 1);
  if (values.length !== length) {
    throw new NotTheProtocolError(`${values.length} values for its output '${name}' of shape [${shape.join(', ')}]`);
  }
  const wrong = (): NotTheProtocolError =>
    new NotTheProtocolError(`values of its output '${name}' that are not of datatype ${datatype}`);
  if (datatype !== 'BYTES') return { datatype, shape, data: numbersOf(values, datatype, wrong) };
  if (!values.every((value) => typeof value === 'string')) throw wrong();
  return { datatype, shape, data: values };
}

function numbersOf(values: readonly unknown[], datatype: NumericDatatype, wrong: () => Error): TensorData {
  if (datatype === 'INT64' || datatype === 'UINT64') {
    const integers = allocate(datatype, values.length) as BigInt64Array;
    values.forEach((value, index) => {
      const integer = toBigInt(value, datatype);
      if (integer === undefined) throw wrong();
      integers[index] = integer;
    });
    return integers;
  }
  const isFloat = datatype === 'FP16' || datatype === 'FP32' || datatype === 'FP64';
  const numbers = allocate(datatype, values.length) as Float64Array;
  values.forEach((value, index) => {
    const number = isFloat ? floatOf(value) : toNumber(value, datatype);
    if (number === undefined) throw wrong();
    numbers[index] = number;
  });
  return numbers;
}

const NOT_FINITE = new Map<unknown, number>([
  [null, NaN],
  ['NaN', NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
]);

function floatOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : (NOT_FINITE.get(value) ?? toNumber(value, 'FP64'));
}
