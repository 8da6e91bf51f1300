/**
 * Writes small ONNX models, so that the benchmark needs nothing but Node. Only what it uses of onnx.proto is here
 * (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto), in protobuf's wire format.
 */
const VARINT = 0;
const BYTES = 2;
const FLOAT32 = 1;
const ATTRIBUTE_INT = 2;
const ATTRIBUTE_INTS = 7;
const IR_VERSION = 8;
const OPSET = 17;

type Field = Buffer;

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}

function integer(field: number, value: number): Field {
  return Buffer.concat([varint((field << 3) | VARINT), varint(value)]);
}

function bytes(field: number, value: Uint8Array | string): Field {
  const content = Buffer.from(value as Uint8Array);
  return Buffer.concat([varint((field << 3) | BYTES), varint(content.byteLength), content]);
}

function message(field: number, ...fields: Field[]): Field {
  return bytes(field, Buffer.concat(fields));
}

/** A float32 input or output; a string is a free dimension. */
export interface ValueInfo {
  readonly name: string;
  readonly shape: readonly (number | string)[];
}

export interface Weights {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export interface OnnxNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes?: Readonly<Record<string, number | readonly number[]>>;
}

export interface OnnxGraph {
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly weights: readonly Weights[];
  readonly nodes: readonly OnnxNode[];
}

export function encodeModel({ inputs, outputs, weights, nodes }: OnnxGraph): Buffer {
  const graph = [
    ...nodes.map(encodeNode),
    bytes(2, 'bench'),
    ...weights.map(encodeWeights),
    ...inputs.map((input) => encodeValue(11, input)),
    ...outputs.map((output) => encodeValue(12, output)),
  ];
  return Buffer.concat([integer(1, IR_VERSION), message(7, ...graph), message(8, bytes(1, ''), integer(2, OPSET))]);
}

function encodeNode({ op, inputs, output, attributes = {} }: OnnxNode): Field {
  const encoded = Object.entries(attributes).map(([name, value]) =>
    typeof value === 'number'
      ? message(5, bytes(1, name), integer(3, value), integer(20, ATTRIBUTE_INT))
      : message(5, bytes(1, name), ...value.map((item) => integer(8, item)), integer(20, ATTRIBUTE_INTS)),
  );
  return message(1, ...inputs.map((input) => bytes(1, input)), bytes(2, output), bytes(4, op), ...encoded);
}

function encodeWeights({ name, shape, data }: Weights): Field {
  const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return message(
    5,
    ...shape.map((dimension) => integer(1, dimension)),
    integer(2, FLOAT32),
    bytes(8, name),
    bytes(9, raw),
  );
}

function encodeValue(field: number, { name, shape }: ValueInfo): Field {
  const dimensions = shape.map((dimension) =>
    message(1, typeof dimension === 'number' ? integer(1, dimension) : bytes(2, dimension)),
  );
  return message(field, bytes(1, name), message(2, message(1, integer(1, FLOAT32), message(2, ...dimensions))));
}
