import { ElementMismatchError } from '../../models/collate.ts';
import { toBigInt, toNumber } from '../../models/number-parsing.ts';
import { allocate, type Datatype, type NumericDatatype, type Tensor, type TensorData } from '../../models/tensor.ts';
import { NotTheProtocolError } from '../http/http-client.ts';

/**
 * A tensor's values as JSON: flat, row-major. 64-bit integers have all their digits. JSON has no NaN: it is `null`, which
 * servers in Python take for it.
 *
 * @throws ElementMismatchError for the element that has an infinity, for which there is no form at all.
 */
export function jsonOfTensor(name: string, { datatype, shape, data }: Tensor): string {
  if (datatype === 'BYTES') return JSON.stringify(data);
  if (datatype === 'BOOL') return `[${Array.from(data as Uint8Array, (value) => value !== 0).join(',')}]`;
  const numbers = `[${joined(data as Float32Array)}]`;
  if (!/[NI]/.test(numbers)) return numbers;
  if (numbers.includes('I')) throw infinite(name, shape, data as Float32Array);
  return numbers.replaceAll('NaN', 'null');
}

/** Every digit, and the sign of a zero, which `join` leaves out; without a point it would be an integer, which has none. */
function joined(data: Float32Array): string {
  if (!data.includes(0)) return data.join(',');
  return Array.from(data, (value) => (Object.is(value, -0) ? '-0.0' : String(value))).join(',');
}

function infinite(name: string, [rows = 1]: readonly number[], data: Float32Array): ElementMismatchError {
  const place = data.findIndex((value) => Math.abs(value) === Infinity);
  const index = Math.floor(place / (data.length / rows));
  return new ElementMismatchError(
    index,
    `input '${name}' has an infinity, which JSON can't say: a server of binary tensors takes it, with 'binary: true'`,
  );
}

/**
 * The values of an answer's output, which are flat or nested.
 *
 * @throws NotTheProtocolError where they are not as many as the shape says, or not of the datatype.
 */
export function tensorOfJson(name: string, datatype: Datatype, shape: readonly number[], json: unknown): Tensor {
  if (!Array.isArray(json)) throw new NotTheProtocolError(`no data for its output '${name}'`);
  const values: readonly unknown[] = json.some(Array.isArray) ? json.flat(Infinity) : json;
  const length = shape.reduce((product, dimension) => product * dimension, 1);
  if (values.length !== length) {
    throw new NotTheProtocolError(`${values.length} values for its output '${name}' of shape [${shape.join(', ')}]`);
  }
  const wrong = (): NotTheProtocolError =>
    new NotTheProtocolError(`values of its output '${name}' that are no ${datatype}`);
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
