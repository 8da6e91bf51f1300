import { type ProtoField, ProtoReader } from './proto-reader.ts';

/** The graph of an ONNX model, or of one of its nodes (the body of a loop): onnx.proto, without weights. */
export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
}

export interface OnnxNode {
  readonly op: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly graphs: readonly OnnxGraph[];
}

export interface OnnxValue {
  readonly name: string;
  /** ONNX's name for the type: `float`, `bfloat16`, `sequence`. */
  readonly type: string;
  /** True if the number of its dimensions is declared. */
  readonly hasShape: boolean;
  /** Dimensions that are declared; a free one is its name, or -1. */
  readonly shape: readonly (number | string)[];
}

/** TensorProto.DataType, by number. */
const TENSOR_TYPES: readonly string[] = [
  'undefined',
  'float32',
  'uint8',
  'int8',
  'uint16',
  'int16',
  'int32',
  'int64',
  'string',
  'bool',
  'float16',
  'float64',
  'uint32',
  'uint64',
  'complex64',
  'complex128',
  'bfloat16',
  'float8e4m3fn',
  'float8e4m3fnuz',
  'float8e5m2',
  'float8e5m2fnuz',
  'uint4',
  'int4',
  'float4e2m1',
  'float8e8m0',
];
/** The kinds of TypeProto, by field. */
const KINDS: ReadonlyMap<number, string> = new Map([
  [1, 'tensor'],
  [4, 'sequence'],
  [5, 'map'],
  [7, 'opaque'],
  [8, 'sparse tensor'],
  [9, 'optional'],
]);

/** Reads a model's graph; undefined if the file is not an ONNX model in protobuf. */
export function readOnnxGraph(path: string): OnnxGraph | undefined {
  try {
    using reader = new ProtoReader(path);
    for (const field of reader.fields(0, reader.size)) {
      if (field.field === 7) return graphOf(reader, field);
    }
    return undefined;
  } catch {
    return undefined;
  }
}

function graphOf(reader: ProtoReader, { start, end }: ProtoField): OnnxGraph {
  const graph = { nodes: new Array<OnnxNode>(), inputs: new Array<OnnxValue>(), outputs: new Array<OnnxValue>() };
  for (const field of reader.fields(start, end)) {
    if (field.field === 1) graph.nodes.push(nodeOf(reader, field));
    else if (field.field === 11) graph.inputs.push(valueOf(reader, field));
    else if (field.field === 12) graph.outputs.push(valueOf(reader, field));
  }
  return graph;
}

function nodeOf(reader: ProtoReader, { start, end }: ProtoField): OnnxNode {
  const node = { op: '', domain: '', inputs: [] as string[], outputs: [] as string[], graphs: [] as OnnxGraph[] };
  for (const field of reader.fields(start, end)) {
    if (field.field === 1) node.inputs.push(reader.text(field));
    else if (field.field === 2) node.outputs.push(reader.text(field));
    else if (field.field === 4) node.op = reader.text(field);
    else if (field.field === 7) node.domain = reader.text(field);
    else if (field.field === 5) node.graphs.push(...graphsOf(reader, field));
  }
  return node;
}

/** The graphs of an attribute. */
function graphsOf(reader: ProtoReader, { start, end }: ProtoField): readonly OnnxGraph[] {
  const graphs: OnnxGraph[] = [];
  for (const field of reader.fields(start, end)) {
    if (field.field === 6 || field.field === 11) graphs.push(graphOf(reader, field));
  }
  return graphs;
}

function valueOf(reader: ProtoReader, { start, end }: ProtoField): OnnxValue {
  let name = '';
  let type: Omit<OnnxValue, 'name'> = { type: 'undefined', hasShape: false, shape: [] };
  for (const field of reader.fields(start, end)) {
    if (field.field === 1) name = reader.text(field);
    else if (field.field === 2) type = typeOf(reader, field);
  }
  return { name, ...type };
}

function typeOf(reader: ProtoReader, { start, end }: ProtoField): Omit<OnnxValue, 'name'> {
  for (const field of reader.fields(start, end)) {
    const kind = KINDS.get(field.field);
    if (kind === undefined) continue;
    if (kind !== 'tensor') return { type: kind, hasShape: false, shape: [] };
    let type = 'undefined';
    let shape: readonly (number | string)[] | undefined;
    for (const part of reader.fields(field.start, field.end)) {
      if (part.field === 1) type = TENSOR_TYPES[part.value] ?? `number ${part.value}`;
      else if (part.field === 2) shape = shapeOf(reader, part);
    }
    return { type, hasShape: shape !== undefined, shape: shape ?? [] };
  }
  return { type: 'undefined', hasShape: false, shape: [] };
}

/** Reads a TensorShapeProto: each dimension is a number (`dim_value`), a name (`dim_param`), or neither. */
function shapeOf(reader: ProtoReader, { start, end }: ProtoField): readonly (number | string)[] {
  const shape: (number | string)[] = [];
  for (const dimension of reader.fields(start, end)) {
    if (dimension.field !== 1) continue;
    let size: number | string = -1;
    for (const part of reader.fields(dimension.start, dimension.end)) {
      if (part.field === 1) size = part.value;
      else if (part.field === 2) size = reader.text(part);
    }
    shape.push(size);
  }
  return shape;
}
