import { isRecord } from '../../models/collate.ts';
import type { NamedTensors, Tensor } from '../../models/tensor.ts';
import { type HttpAnswer, NotTheProtocolError } from '../http/http-client.ts';
import { parseExactly, parseLenient } from '../http/lenient-json.ts';
import { HEADER_LENGTH, tensorOfBinary } from './binary-tensors.ts';
import { tensorOfJson } from './json-tensors.ts';
import { heldAs, isWireDatatype, type WireDatatype } from './wire-datatype.ts';

export interface ExpectedResponse {
  readonly id: string;
  /** How many rows every output has. */
  readonly rows: number;
  /** Those that were asked for; all that come where undefined. */
  readonly outputNames: readonly string[] | undefined;
}

interface OutputHeader {
  readonly name: string;
  readonly datatype: WireDatatype;
  readonly shape: readonly number[];
  readonly data: unknown;
  /** How many of the bytes after the JSON are its values; undefined where these are in the JSON. */
  readonly binarySize: number | undefined;
}

/**
 * The outputs of an inference response, in the order in which they were asked for.
 *
 * @throws NotTheProtocolError where it is none, or has not a row for each element.
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

/** The error of an answer that is not JSON, or whose JSON does not end where its header says. */
function notJson(answer: HttpAnswer): unknown {
  try {
    answer.json();
    return new NotTheProtocolError(`JSON that does not end where its header ${HEADER_LENGTH} says`);
  } catch (error) {
    return error;
  }
}

/** The JSON of an answer, and the tensors that come as raw bytes after it. */
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
  if (!isRecord(body)) throw new NotTheProtocolError('JSON that is no object: check its address');
  const { outputs } = body;
  if (!Array.isArray(outputs)) {
    throw new NotTheProtocolError("JSON without 'outputs', which is no inference response: check its address");
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
  for (const { name, datatype, shape, data, binarySize } of headers) {
    if (binarySize === undefined) {
      tensors.set(name, tensorOfJson(name, heldAs(datatype), shape, data));
      continue;
    }
    tensors.set(name, tensorOfBinary(name, datatype, shape, tail.subarray(offset, offset + binarySize)));
    offset += binarySize;
  }
  if (offset !== tail.byteLength) {
    throw new NotTheProtocolError(`${tail.byteLength} bytes of tensors, where its outputs say ${offset}`);
  }
  return tensors;
}

function checkRows(name: string, { shape }: Tensor, rows: number): void {
  if (shape[0] === rows) return;
  throw new NotTheProtocolError(
    `an output '${name}' of shape [${shape.join(', ')}] for ${rows} elements, so it has no row for each: leave it out by naming the others in 'outputNames'`,
  );
}
