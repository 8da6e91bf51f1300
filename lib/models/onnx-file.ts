import { type OnnxGraph, readOnnxGraph } from './onnx-graph.ts';
import { type ProtoField, ProtoReader } from './proto-reader.ts';

/** Name of the default operator set, which a file leaves empty. */
const DEFAULT_DOMAIN = 'ai.onnx';

/** Facts that an ONNX file states about itself: ModelProto of onnx.proto. */
export interface OnnxFile {
  readonly irVersion: number;
  /** Versions of the operator sets by domain, such as `{ 'ai.onnx': 17, 'ai.onnx.ml': 3 }`. */
  readonly opset: Readonly<Record<string, number>>;
  /** Tool that wrote the file, and its version. Empty if the file does not name it. */
  readonly producer: string;
  readonly graph: OnnxGraph;
}

/** Reads what a model file states about itself, without its weights; undefined if it is not an ONNX model in protobuf. */
export function readOnnxFile(path: string): OnnxFile | undefined {
  const graph = readOnnxGraph(path);
  if (graph === undefined) return undefined;
  let irVersion = 0;
  const opset: Record<string, number> = {};
  const producer = ['', ''];
  using reader = new ProtoReader(path);
  for (const field of reader.fields(0, reader.size)) {
    if (field.field === 1) irVersion = field.value;
    else if (field.field === 2) producer[0] = reader.text(field);
    else if (field.field === 3) producer[1] = reader.text(field);
    else if (field.field === 8) {
      const { domain, version } = operatorSet(reader, field);
      opset[domain] = version;
    }
  }
  return { irVersion, opset, producer: producer.filter(Boolean).join(' '), graph };
}

function operatorSet(
  reader: ProtoReader,
  { start, end }: ProtoField,
): { readonly domain: string; readonly version: number } {
  let domain = '';
  let version = 0;
  for (const field of reader.fields(start, end)) {
    if (field.field === 1) domain = reader.text(field);
    else if (field.field === 2) version = field.value;
  }
  return { domain: domain || DEFAULT_DOMAIN, version };
}
