import { encodeModel } from '../../bench/onnx-writer.ts';

const INT64 = 7;

/** Stands where the factor is to be put. */
const PLACE = Buffer.from(Float32Array.of(1.2345e-30).buffer);

export interface ScaleModelOptions {
  /** @default 'x' */
  readonly input?: string;
  /** Bytes of weights, of which one value is used. @default as few as there can be */
  readonly weightBytes?: number;
}

/** An ONNX model that multiplies its input, `[n, 1]`, by a factor: what it answers tells which one it is. */
export function scaleModel(factor: number, { input = 'x', weightBytes = 4 }: ScaleModelOptions = {}): Buffer {
  return encodeModel({
    inputs: [{ name: input, shape: ['n', 1] }],
    outputs: [{ name: 'y', shape: ['n', 1] }],
    weights: [
      { name: 'none', shape: [1], data: Float32Array.of(0) },
      { name: 'factors', shape: [weightBytes / 4], data: new Float32Array(weightBytes / 4).fill(factor) },
    ],
    nodes: [
      // An index that depends on the input, or the factor would be folded into the graph and the weights dropped.
      { op: 'Mul', inputs: [input, 'none'], output: 'zero' },
      { op: 'Cast', inputs: ['zero'], output: 'index', attributes: { to: INT64 } },
      { op: 'Gather', inputs: ['factors', 'index'], output: 'factor' },
      { op: 'Mul', inputs: [input, 'factor'], output: 'y' },
    ],
  });
}

/** Large models of several factors: one is encoded, and each factor put into it in turn. */
export function scaleModels(options: ScaleModelOptions): (factor: number) => Buffer {
  const model = scaleModel(PLACE.readFloatLE(), options);
  const place = model.indexOf(PLACE);
  return (factor) => {
    model.writeFloatLE(factor, place);
    return model;
  };
}
