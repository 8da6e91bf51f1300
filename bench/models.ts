import { encodeModel, type OnnxNode, type Weights } from './onnx-writer.ts';
import { random } from './random.ts';

/** Rows of 30 numbers to 2 probabilities: 30 -> 64 -> 32 -> 2; other weights for another seed. */
export function mlp(seed = 1): Buffer {
  const next = random(seed);
  const layers = [30, 64, 32, 2];
  const weights: Weights[] = [];
  const nodes: OnnxNode[] = [];
  let previous = 'x';
  for (let layer = 1; layer < layers.length; layer += 1) {
    const [from = 0, to = 0] = layers.slice(layer - 1);
    weights.push(weightsOf(`w${layer}`, [from, to], next), weightsOf(`b${layer}`, [to], next));
    nodes.push({ op: 'Gemm', inputs: [previous, `w${layer}`, `b${layer}`], output: `h${layer}` });
    previous = `h${layer}`;
    if (layer < layers.length - 1) {
      nodes.push({ op: 'Relu', inputs: [previous], output: `r${layer}` });
      previous = `r${layer}`;
    }
  }
  nodes.push({ op: 'Softmax', inputs: [previous], output: 'probabilities' });
  return encodeModel({
    inputs: [{ name: 'x', shape: ['N', 30] }],
    outputs: [{ name: 'probabilities', shape: ['N', 2] }],
    weights,
    nodes,
  });
}

/** Images of 3x224x224 to 10 scores: four strided convolutions and a mean over what is left. */
export function convNet(): Buffer {
  const next = random(2);
  const channels = [3, 16, 32, 64, 64];
  const weights: Weights[] = [];
  const nodes: OnnxNode[] = [];
  let previous = 'image';
  for (let layer = 1; layer < channels.length; layer += 1) {
    const [from = 0, to = 0] = channels.slice(layer - 1);
    weights.push(weightsOf(`w${layer}`, [to, from, 3, 3], next), weightsOf(`b${layer}`, [to], next));
    const attributes = { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] };
    nodes.push({ op: 'Conv', inputs: [previous, `w${layer}`, `b${layer}`], output: `h${layer}`, attributes });
    nodes.push({ op: 'Relu', inputs: [`h${layer}`], output: `r${layer}` });
    previous = `r${layer}`;
  }
  weights.push(weightsOf('w', [64, 10], next), weightsOf('b', [10], next));
  nodes.push({ op: 'GlobalAveragePool', inputs: [previous], output: 'pooled' });
  nodes.push({ op: 'Flatten', inputs: ['pooled'], output: 'flat' });
  nodes.push({ op: 'Gemm', inputs: ['flat', 'w', 'b'], output: 'scores' });
  return encodeModel({
    inputs: [{ name: 'image', shape: ['N', 3, 224, 224] }],
    outputs: [{ name: 'scores', shape: ['N', 10] }],
    weights,
    nodes,
  });
}

function weightsOf(name: string, shape: readonly number[], next: () => number): Weights {
  const length = shape.reduce((product, dimension) => product * dimension, 1);
  const scale = 2 / Math.sqrt(length / (shape[0] ?? 1));
  return { name, shape, data: Float32Array.from({ length }, () => (next() - 0.5) * scale) };
}
