import { describe, expect, test } from 'vitest';
import { type OnnxGraph, type OnnxNode, type OnnxValue, readOnnxGraph } from '../../lib/models/onnx-graph.ts';
import { outputFacts } from '../../lib/models/value-sizes.ts';
import { modelFile } from './model-files.ts';

type Node = Partial<OnnxNode>;

/** `Add(a, b) -> c` as a node. */
function node(text: string, rest: Node = {}): OnnxNode {
  const [, op = '', inputs = '', outputs = ''] = /^(\w+)\((.*)\) -> (.*)$/.exec(text) ?? [];
  return { op, domain: '', inputs: namesIn(inputs), outputs: namesIn(outputs), graphs: [], ...rest };
}

function namesIn(list: string): readonly string[] {
  return list === '' ? [] : list.split(',').map((name) => name.trim());
}

function valueOf(name: string): OnnxValue {
  return { name, type: 'float32', hasShape: true, shape: [] };
}

function graph(inputs: readonly string[], nodes: readonly OnnxNode[], outputs: readonly string[]): OnnxGraph {
  return { inputs: inputs.map(valueOf), nodes, outputs: outputs.map(valueOf) };
}

const double = graph([], [node('Add(x, x) -> then')], ['then']);
const negative = graph([], [node('Neg(x) -> else')], ['else']);
const found = graph([], [node('NonZero(x) -> places')], ['places']);
/** Goes on as long as a value says. */
const whileSmall = graph(
  ['round', 'on', 'sum'],
  [node('Add(sum, one) -> more'), node('Less(more, ten) -> again')],
  ['again', 'more', 'more'],
);
const counted = graph(
  ['round', 'on', 'sum'],
  [node('Add(sum, x) -> more'), node('Identity(on) -> again')],
  ['again', 'more', 'more'],
);
const step = graph(['state', 'slice'], [node('Add(state, slice) -> next')], ['next', 'next']);

describe('outputFacts', () => {
  const rows: readonly (readonly [what: string, nodes: readonly OnnxNode[], isValueSized: boolean])[] = [
    ['arithmetic', [node('MatMul(x, w) -> h'), node('Add(h, b) -> y')], false],
    ['a reshape by constants', [node('Reshape(x, shape) -> y')], false],
    [
      'a reshape by the shape of an input',
      [
        node('Shape(x) -> s'),
        node('Gather(s, zero) -> n'),
        node('Concat(n, rest) -> shape'),
        node('Reshape(x, shape) -> y'),
      ],
      false,
    ],
    ['places where it is not zero', [node('NonZero(x) -> y')], true],
    ['values of those places', [node('NonZero(x) -> p'), node('GatherND(x, p) -> g'), node('Mul(g, two) -> y')], true],
    ['boxes that remain', [node('NonMaxSuppression(x, s) -> y')], true],
    ['how many places there are', [node('NonZero(x) -> p'), node('Shape(p) -> y')], false],
    ['a range of that', [node('NonZero(x) -> p'), node('Shape(p) -> n'), node('Range(zero, n, one) -> y')], true],
    ['a slice up to a value', [node('ReduceMax(x) -> n'), node('Slice(x, zero, n) -> y')], true],
    ['the first ones by a constant', [node('TopK(x, k) -> y, i')], false],
    ['places of a constant', [node('NonZero(mask) -> p'), node('Gather(x, p) -> y')], false],
    ['an operator of a library', [node('Anything(x) -> y', { domain: 'org.example' })], true],
    ['an operator of onnxruntime', [node('FusedMatMul(x, w) -> y', { domain: 'com.microsoft' })], false],
    ['branches of the sizes of the input', [node('If(c) -> y', { graphs: [double, negative] })], false],
    ['a branch of another size', [node('If(c) -> y', { graphs: [double, found] })], true],
    ['rounds that a value ends', [node('Loop(most, yes, x) -> last, y', { graphs: [whileSmall] })], true],
    ['rounds of a constant number', [node('Loop(most, yes, x) -> last, y', { graphs: [counted] })], false],
    [
      'rounds as many as there are places',
      [node('NonZero(x) -> p'), node('Size(p) -> n'), node('Loop(n, yes, x) -> y', { graphs: [counted] })],
      true,
    ],
    ['a scan along the input', [node('Scan(start, x) -> last, y', { graphs: [step] })], false],
    ['a scan along places', [node('NonZero(x) -> p'), node('Scan(start, p) -> last, y', { graphs: [step] })], true],
    ['an input that is left out', [node('NonZero(x) -> '), node('Clip(x, , high) -> y')], false],
  ];
  test.each(rows)('of %s', (_what, nodes, isValueSized) => {
    const { valueSized } = outputFacts(graph(['x'], nodes, ['y']));
    expect(valueSized.has('y')).toBe(isValueSized);
  });

  test('of models', () => {
    const facts = ['detections', 'detections-of-one', 'made-up-names', 'unranked'].map((name) => {
      const read = readOnnxGraph(modelFile(`${name}.onnx`));
      if (read === undefined) throw new Error(`${name} can't be read`);
      const { valueSized, unranked } = outputFacts(read);
      return [[...valueSized].join(' '), [...unranked].join(' ')];
    });
    expect(facts).toEqual([
      ['dets', ''],
      ['dets', ''],
      ['', ''],
      ['', 'y total'],
    ]);
  });
});

describe('readOnnxGraph', () => {
  test('reads inputs, outputs and nodes, and skips weights', () => {
    expect(readOnnxGraph(modelFile('bfloat16.onnx'))).toEqual({
      nodes: [{ op: 'Cast', domain: '', inputs: ['x'], outputs: ['y'], graphs: [] }],
      inputs: [{ name: 'x', type: 'float32', hasShape: true, shape: ['N', 2] }],
      outputs: [{ name: 'y', type: 'bfloat16', hasShape: true, shape: ['N', 2] }],
    });
    expect(readOnnxGraph(modelFile('zipmap.onnx'))?.outputs).toEqual([
      { name: 'output_label', type: 'int64', hasShape: true, shape: ['N'] },
      { name: 'output_probability', type: 'sequence', hasShape: false, shape: [] },
    ]);
    expect(readOnnxGraph(modelFile('mlp.onnx'))?.nodes).toHaveLength(6);
  });

  test.each(['corrupt.onnx', 'external.onnx.data', 'README.md', 'missing.onnx'])('gives nothing of %s', (name) => {
    expect(readOnnxGraph(modelFile(name))).toBeUndefined();
  });
});
