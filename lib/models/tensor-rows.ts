import { ResultCountError } from './batch-results.ts';
import { elementsOf, type NamedTensors, type OutputMetadata, type Tensor } from './tensor.ts';

/**
 * Returns an output of a batch as a tensor that has a row for each row of the batch: a whole output is the only row.
 *
 * @throws ResultCountError if it has another number of rows, because then rows can't be assigned to elements.
 */
export function rowsOf({ name, isWhole }: OutputMetadata, tensor: Tensor, rows: number): Tensor {
  const { shape } = tensor;
  const isRow = isWhole || shape.length === 0;
  const isCounted = isRow ? rows === 1 : shape[0] === rows;
  if (!isCounted || elementsOf(shape) !== tensor.data.length) throw countError(name, shape, rows);
  return isRow ? { ...tensor, shape: [1, ...shape] } : tensor;
}

function countError(name: string, shape: readonly number[], rows: number): ResultCountError {
  const batch = rows === 1 ? 'one element' : `a batch of ${rows}`;
  const advice = `with 'batchDimension: false' each element has the whole output, or leave it out by naming the others in 'outputNames'`;
  return new ResultCountError(
    'RESULT_COUNT',
    `output '${name}' has shape [${shape.join(', ')}] for ${batch}, so it has no row for each element: ${advice}`,
    { disposition: 'poison' },
  );
}

/** Row `index` of every output: nested arrays, or a scalar where the row is one. int64 past 2^53 stays a bigint. */
export function rowOf(outputs: NamedTensors, index: number): Record<string, unknown> {
  const row: Record<string, unknown> = {};
  for (const name in outputs) {
    const tensor = outputs[name];
    if (tensor !== undefined) row[name] = tensorRow(tensor, index);
  }
  return row;
}

/** Row `index` of one output: nested arrays, or a scalar. */
export function tensorRow(tensor: Tensor, index: number): unknown {
  const { shape } = tensor;
  if (shape.length === 1) return valueAt(tensor, index);
  if (shape.length === 2) return values(tensor, index * (shape[1] ?? 0), shape[1] ?? 0);
  const row = shape.slice(1);
  return nested(tensor, row, index * elementsOf(row));
}

function nested(tensor: Tensor, [length = 0, ...inner]: readonly number[], offset: number): unknown[] {
  if (inner.length === 0) return values(tensor, offset, length);
  const stride = elementsOf(inner);
  const out: unknown[] = [];
  for (let index = 0; index < length; index += 1) out.push(nested(tensor, inner, offset + index * stride));
  return out;
}

function values(tensor: Tensor, offset: number, length: number): unknown[] {
  const out: unknown[] = [];
  if (tensor.datatype === 'FP32' || tensor.datatype === 'FP64') {
    const data = tensor.data as Float32Array;
    for (let index = offset; index < offset + length; index += 1) out.push(data[index]);
    return out;
  }
  for (let index = offset; index < offset + length; index += 1) out.push(valueAt(tensor, index));
  return out;
}

function valueAt(tensor: Tensor, index: number): unknown {
  const value = tensor.data[index];
  if (tensor.datatype === 'BOOL') return value !== 0;
  if (typeof value !== 'bigint') return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Rows `[start, end)` of every output. */
export function sliceRows(outputs: NamedTensors, start: number, end: number): NamedTensors {
  return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, rowsBetween(tensor, start, end)]));
}

export function firstRow(tensor: Tensor): Tensor {
  return rowsBetween(tensor, 0, 1);
}

function rowsBetween({ shape: [, ...row], data, datatype }: Tensor, start: number, end: number): Tensor {
  const size = elementsOf(row);
  return { datatype, shape: [end - start, ...row], data: sliced(data, start * size, end * size) };
}

function sliced(data: Tensor['data'], start: number, end: number): Tensor['data'] {
  return Array.isArray(data) ? data.slice(start, end) : (data as Float32Array).subarray(start, end);
}
