import type { NamedTensors } from '../../models/tensor.ts';
import { binaryOfTensor, HEADER_LENGTH } from './binary-tensors.ts';
import { jsonOfTensor } from './json-tensors.ts';

/** Parameters of a request, with the types of values that the protocol has for them. */
export type Parameters = Readonly<Record<string, string | number | boolean>>;

export interface InferRequest {
  /** Id that the answer repeats. */
  readonly id: string;
  readonly tensors: NamedTensors;
  /** Inputs that the model expects as BF16. */
  readonly bf16: ReadonlySet<string>;
  /** @default the server's default outputs */
  readonly outputNames: readonly string[] | undefined;
  readonly parameters: Parameters;
  /** True if tensors are sent and received as raw bytes after the JSON. */
  readonly binary: boolean;
}

export interface EncodedRequest {
  readonly body: string | Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Returns the body of an inference request: JSON (https://github.com/kserve/open-inference-protocol, REST), or JSON followed
 * by the tensors in its order (the binary tensor extension).
 *
 * @throws ElementMismatchError for an element that JSON cannot represent.
 */
export function encodeInferRequest(request: InferRequest): EncodedRequest {
  return request.binary ? encodeBinary(request) : encodeJson(request);
}

function encodeJson(request: InferRequest): EncodedRequest {
  const { tensors, parameters, outputNames } = request;
  // The data may be long, and contain integers that JSON.stringify cannot write.
  const inputs = Object.entries(tensors).map(([name, tensor]) => {
    const header = JSON.stringify({ name, shape: tensor.shape, datatype: datatypeOf(request, name) });
    return `${header.slice(0, -1)},"data":${jsonOfTensor(name, tensor)}}`;
  });
  const rest = JSON.stringify({
    id: request.id,
    ...(Object.keys(parameters).length === 0 ? {} : { parameters }),
    ...(outputNames === undefined ? {} : { outputs: outputNames.map((name) => ({ name })) }),
  });
  return {
    body: `${rest.slice(0, -1)},"inputs":[${inputs.join(',')}]}`,
    headers: { 'content-type': 'application/json' },
  };
}

function encodeBinary(request: InferRequest): EncodedRequest {
  const { id, tensors, parameters, outputNames } = request;
  const chunks: Uint8Array[] = [];
  const inputs = Object.entries(tensors).map(([name, tensor]) => {
    const datatype = datatypeOf(request, name);
    const bytes = binaryOfTensor(tensor, datatype);
    chunks.push(bytes);
    return { name, shape: tensor.shape, datatype, parameters: { binary_data_size: bytes.byteLength } };
  });
  const outputs = outputNames?.map((name) => ({ name, parameters: { binary_data: true } }));
  const header = Buffer.from(
    JSON.stringify({
      id,
      parameters: { ...parameters, binary_data_output: true },
      inputs,
      ...(outputs === undefined ? {} : { outputs }),
    }),
  );
  return {
    body: Buffer.concat([header, ...chunks]),
    headers: { 'content-type': 'application/octet-stream', [HEADER_LENGTH]: String(header.byteLength) },
  };
}

function datatypeOf({ tensors, bf16 }: InferRequest, name: string) {
  return bf16.has(name) ? 'BF16' : (tensors[name]?.datatype ?? 'FP32');
}
