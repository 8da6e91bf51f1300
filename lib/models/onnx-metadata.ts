import type { InferenceSession } from 'onnxruntime-node';
import { ModelLoadError } from '../errors.ts';
import { type OnnxValue, readOnnxGraph } from './onnx-graph.ts';
import type { Datatype, TensorMetadata } from './tensor.ts';

type ValueMetadata = InferenceSession.ValueMetadata;

/** Tensor types of onnxruntime that are supported for inputs and outputs. */
export const DATATYPES: Readonly<Record<string, Datatype>> = {
  bool: 'BOOL',
  uint8: 'UINT8',
  uint16: 'UINT16',
  uint32: 'UINT32',
  uint64: 'UINT64',
  int8: 'INT8',
  int16: 'INT16',
  int32: 'INT32',
  int64: 'INT64',
  float16: 'FP16',
  float32: 'FP32',
  float64: 'FP64',
  string: 'BYTES',
};

/** Kinds of values that are not tensors, and types that can't be read; a session opens with them nevertheless. */
const OTHER_KINDS: ReadonlySet<string> = new Set([
  'sequence',
  'map',
  'optional',
  'opaque',
  'undefined',
  'int4',
  'uint4',
]);

/** @throws ModelLoadError for an input that is not a tensor, or of a type that can't be fed. */
export function inputMetadata(session: InferenceSession): readonly TensorMetadata[] {
  return session.inputMetadata.map((value) => {
    const input = tensorMetadata(value);
    if (input !== undefined) return input;
    throw new ModelLoadError(`input '${value.name}' is ${kindOf(value)}, which can't be fed`);
  });
}

/** @throws ModelLoadError for an output that is not a tensor, has a type that can't be read, or does not exist. */
export function outputMetadata(
  session: InferenceSession,
  names: readonly string[] | undefined,
): readonly TensorMetadata[] {
  const chosen = chooseOutputs(session, names);
  return chosen.map((value) => {
    const output = tensorMetadata(value);
    if (output !== undefined) return output;
    const hasOthers = session.outputMetadata.some((other) => tensorMetadata(other) !== undefined);
    const advice = hasOthers
      ? "leave it out by naming the others in 'outputNames'"
      : 'export the model with an output that is a tensor of a common type';
    throw new ModelLoadError(`output '${value.name}' is ${kindOf(value)}: ${advice}`);
  });
}

function chooseOutputs(session: InferenceSession, names: readonly string[] | undefined): readonly ValueMetadata[] {
  if (names === undefined) return session.outputMetadata;
  return names.map((name) => {
    const output = session.outputMetadata.find((candidate) => candidate.name === name);
    if (output !== undefined) return output;
    throw new ModelLoadError(`'outputNames' has '${name}': the model's outputs are ${session.outputNames.join(', ')}`);
  });
}

function tensorMetadata(value: ValueMetadata): TensorMetadata | undefined {
  const datatype = value.isTensor ? DATATYPES[value.type] : undefined;
  return value.isTensor && datatype !== undefined ? { name: value.name, datatype, shape: value.shape } : undefined;
}

function kindOf(value: ValueMetadata): string {
  return value.isTensor ? `of type ${value.type}` : 'not a tensor';
}

/**
 * Finds the input or output of a type that onnxruntime-node does not have, for which it does not open a session,
 * whatever outputs are chosen; undefined if the graph has no such type.
 */
export function describeUnknownType(path: string): string | undefined {
  const graph = readOnnxGraph(path);
  if (graph === undefined) return undefined;
  const output = graph.outputs.find(isUnknown);
  const input = graph.inputs.find(isUnknown);
  if (output !== undefined) {
    return `output '${output.name}' is of type ${output.type}, which onnxruntime-node can't read: convert it to float32 in the model (Cast)`;
  }
  if (input === undefined) return undefined;
  return `input '${input.name}' is of type ${input.type}, which onnxruntime-node can't feed: convert it from float32 in the model (Cast)`;
}

function isUnknown({ type }: OnnxValue): boolean {
  return DATATYPES[type] === undefined && !OTHER_KINDS.has(type);
}
