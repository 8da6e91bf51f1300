import { isRecord } from '../../models/element-shape.ts';
import type { TensorMetadata } from '../../models/tensor.ts';
import { NotTheProtocolError } from '../http/http-client.ts';
import { heldAs, isWireDatatype } from './wire-datatype.ts';

/** A server's description of a model. */
export interface ModelMetadata {
  readonly versions: readonly string[];
  /** Undefined if the server does not describe them. */
  readonly inputs: readonly TensorMetadata[] | undefined;
  /** Inputs that the model expects as BF16, which are FP32 here. */
  readonly bf16: ReadonlySet<string>;
  /** Names of the outputs; empty if the server does not describe them. */
  readonly outputs: readonly string[];
  /** Outputs for which it reports type and shape. */
  readonly outputTensors: readonly TensorMetadata[];
}

/** @throws NotTheProtocolError if it is not a model metadata response. */
export function readModelMetadata(body: unknown): ModelMetadata {
  if (!isRecord(body) || typeof body['name'] !== 'string') {
    throw new NotTheProtocolError('JSON that is not the metadata of a model: check its address');
  }
  const { versions, inputs, outputs } = body;
  const declared = listOf(inputs, 'inputs').map(readInput);
  return {
    versions: listOf(versions, 'versions').map(String),
    inputs: declared.length === 0 ? undefined : declared.map(({ metadata }) => metadata),
    bf16: new Set(declared.flatMap(({ metadata, isBf16 }) => (isBf16 ? metadata.name : []))),
    outputs: listOf(outputs, 'outputs').flatMap((output) =>
      isRecord(output) && typeof output['name'] === 'string' ? output['name'] : [],
    ),
    outputTensors: listOf(outputs, 'outputs').flatMap(readOutput),
  };
}

function listOf(value: unknown, field: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  throw new NotTheProtocolError(`metadata whose '${field}' is not a list`);
}

/** Reads an output for display. Invalid metadata of an output is not a reason to refuse a model. */
function readOutput(output: unknown): readonly TensorMetadata[] {
  if (!isRecord(output) || typeof output['name'] !== 'string' || !isWireDatatype(output['datatype'])) return [];
  const { name, datatype, shape } = output;
  const dimensions = Array.isArray(shape) ? shape.map(Number) : [NaN];
  return dimensions.every(Number.isInteger) ? [{ name, datatype: heldAs(datatype), shape: dimensions }] : [];
}

function readInput(input: unknown): { readonly metadata: TensorMetadata; readonly isBf16: boolean } {
  if (!isRecord(input) || typeof input['name'] !== 'string') {
    throw new NotTheProtocolError('metadata with an input that has no name');
  }
  const { name, datatype, shape } = input;
  if (!isWireDatatype(datatype)) {
    throw new NotTheProtocolError(
      `metadata with an input '${name}' of a datatype that the protocol does not have: declare the model's inputs in 'inputTensors'`,
    );
  }
  // Some gateways write 64-bit integers as strings (protobuf's JSON form).
  const dimensions = Array.isArray(shape) ? shape.map(Number) : [NaN];
  if (!dimensions.every(Number.isInteger)) {
    throw new NotTheProtocolError(
      `metadata with an input '${name}' without a shape: declare the model's inputs in 'inputTensors'`,
    );
  }
  return { metadata: { name, datatype: heldAs(datatype), shape: dimensions }, isBf16: datatype === 'BF16' };
}

/** Returns true if a server accepts tensors as raw bytes. @throws NotTheProtocolError */
export function readAcceptsBinary(body: unknown): boolean {
  if (!isRecord(body)) throw new NotTheProtocolError('JSON that is not the metadata of a server: check its address');
  return listOf(body['extensions'], 'extensions').includes('binary_tensor_data');
}
