import { isRecord } from '../../models/element-shape.ts';
import type { NamedTensors, Tensor } from '../../models/tensor.ts';
import { type HttpAnswer, NotTheProtocolError } from '../http/http-client.ts';
import { parseExactly, parseLenient } from '../http/lenient-json.ts';
import { HEADER_LENGTH, type OutputLayout, tensorOfBinary } from './binary-tensors.ts';
import { tensorOfJson } from './json-tensors.ts';
import { heldAs, isWireDatatype, type WireDatatype } from './wire-datatype.ts';

export interface ExpectedResponse {
  readonly id: string;
  /** Number of rows of each output. */
  readonly rows: number;
  /** Requested outputs; undefined for all outputs of the answer. */
  readonly outputNames: readonly string[] | undefined;
}

interface OutputHeader extends OutputLayout<WireDatatype> {
  readonly data: unknown;
  /** Number of bytes after the JSON that are its values; undefined if the values are in the JSON. */
  readonly binarySize: number | undefined;
}

/**
 * Returns the outputs of an inference response, in the order in which they were requested.
 *
 * @throws NotTheProtocolError if it is not an inference response, or does not have one row per element.
 */
export function decodeInferResponse(answer: HttpAnswer, expected: ExpectedResponse): NamedTensors {
  const { text, tail } = splitBody(answer);
  const body = parseLenient(text);
  if (body === undefined) throw notJson(answer);
  const headers = outputHeaders(body, expected);
  const exact = headers.some(hasLongIntegers) ? outputHeaders(parseExactly(text), expected) : headers;
  const tensors = readTensors(exact, tail);
  const { outputNames = exact.map(({ name }) => name) } = expected;
  return Object.fromEntries(
    outputNames.map((name) => {
      const tensor = tensors.get(name);
      if (tensor === undefined) {
        throw new NotTheProtocolError(`no output '${name}': its outputs are [${[...tensors.keys()].join(', ')}]`);
      }
      checkRows(name, tensor, expected.rows);
      return [name, tensor];
    }),
  );
}

/** Returns the error of an answer that is not JSON, or whose JSON does not have the length in its header. */
function notJson(answer: HttpAnswer): unknown {
  try {
    answer.json();
    return new NotTheProtocolError(`JSON whose length is not that of its header ${HEADER_LENGTH}`);
  } catch (error) {
    return error;
  }
}

/** Splits an answer into its JSON, and the tensors that follow it as raw bytes. */
function splitBody({ headers, bytes, text }: HttpAnswer): { readonly text: string; readonly tail: Uint8Array } {
  const length = headers.get(HEADER_LENGTH);
  if (length === null) return { text: text(), tail: new Uint8Array() };
  const end = Number(length);
  if (!Number.isInteger(end) || end < 2 || end > bytes.byteLength) {
    throw new NotTheProtocolError(`a header ${HEADER_LENGTH} of ${length.slice(0, 20)}, for ${bytes.byteLength} bytes`);
  }
  return { text: new TextDecoder().decode(bytes.subarray(0, end)), tail: bytes.subarray(end) };
}

function outputHeaders(body: unknown, { id }: ExpectedResponse): readonly OutputHeader[] {
  if (!isRecord(body)) throw new NotTheProtocolError('JSON that is not an object: check its address');
  const { outputs } = body;
  if (!Array.isArray(outputs)) {
    throw new NotTheProtocolError("JSON without 'outputs', which is not an inference response: check its address");
  }
  if (typeof body['id'] === 'string' && body['id'] !== '' && body['id'] !== id) {
    throw new NotTheProtocolError('the response to another request', { passing: true });
  }
  return outputs.map(outputHeader);
}

function outputHeader(output: unknown): OutputHeader {
  if (!isRecord(output) || typeof output['name'] !== 'string')
    throw new NotTheProtocolError('an output without a name');
  const { name, datatype, shape, data, parameters } = output;
  if (!isWireDatatype(datatype)) {
    throw new NotTheProtocolError(`an output '${name}' of a datatype that the protocol does not have`);
  }
  if (!isShape(shape)) throw new NotTheProtocolError(`an output '${name}' without a shape`);
  const size = isRecord(parameters) ? parameters['binary_data_size'] : undefined;
  return { name, datatype, shape, data, binarySize: typeof size === 'number' ? size : undefined };
}

function isShape(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((dimension) => Number.isInteger(dimension) && dimension >= 0);
}

function hasLongIntegers({ datatype, data }: OutputHeader): boolean {
  if ((datatype !== 'INT64' && datatype !== 'UINT64') || !Array.isArray(data)) return false;
  return data.flat(Infinity).some((value) => typeof value === 'number' && !Number.isSafeInteger(value));
}

function readTensors(headers: readonly OutputHeader[], tail: Uint8Array): ReadonlyMap<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  let offset = 0;
  for (const header of headers) {
    const { name, datatype, shape, data, binarySize } = header;
    if (binarySize === undefined) {
      tensors.set(name, tensorOfJson({ name, datatype: heldAs(datatype), shape }, data));
      continue;
    }
    tensors.set(name, tensorOfBinary(header, tail.subarray(offset, offset + binarySize)));
    offset += binarySize;
  }
  if (offset !== tail.byteLength) {
    throw new NotTheProtocolError(`${tail.byteLength} bytes of tensors, but its outputs have ${offset}`);
  }
  return tensors;
}

function checkRows(name: string, { shape }: Tensor, rows: number): void {
  if (shape[0] === rows) return;
  throw new NotTheProtocolError(
    `an output '${name}' of shape [${shape.join(', ')}] for ${rows} elements, so it has no row for each element: leave it out by naming the others in 'outputNames'`,
  );
}
