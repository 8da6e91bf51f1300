import type { OutputFacts } from './batch-layout.ts';
import type { OnnxGraph, OnnxNode } from './onnx-graph.ts';

/** Dependence of a tensor: whether its values, and its sizes, change with the values of the model's inputs. */
interface Dependence {
  readonly values: boolean;
  readonly sizes: boolean;
}

type Scope = ReadonlyMap<string, Dependence>;

const CONSTANT: Dependence = { values: false, sizes: false };
const FED: Dependence = { values: true, sizes: false };

/** Operators whose input values determine the length of their results. */
const VALUE_SIZED: ReadonlySet<string> = new Set([
  'Compress',
  'NonMaxSuppression',
  'NonZero',
  'StringSplit',
  'Tokenizer',
  'Unique',
]);

/** Operands that determine the size of an operator's results, by index. */
const SIZE_OPERANDS: Readonly<Record<string, readonly number[]>> = {
  CenterCropPad: [1],
  ConstantOfShape: [0],
  Expand: [1],
  MaxUnpool: [2],
  OneHot: [1],
  Pad: [1, 3],
  Range: [0, 1, 2],
  Reshape: [1],
  Resize: [1, 2, 3],
  SequenceAt: [1],
  Slice: [1, 2, 3, 4],
  Split: [1],
  SplitToSequence: [1],
  Squeeze: [1],
  Tile: [1],
  TopK: [1],
  Unsqueeze: [1],
  Upsample: [1],
};

/** Operators of any other domain come from a separate library, and their behaviour is unknown. */
const KNOWN_DOMAINS: ReadonlySet<string> = new Set(['', 'ai.onnx', 'ai.onnx.ml', 'com.microsoft']);

/** Maximum rounds until the dependences of a loop's carried values no longer change: each can rise twice. */
const MAX_ROUNDS = 100;

/**
 * Finds the outputs whose sizes depend on the values of the inputs. If no operator on the way to an output takes a size
 * from a value, its sizes follow from those of the inputs alone; otherwise any of its sizes may depend on values.
 */
export function outputFacts(graph: OnnxGraph): OutputFacts {
  const scope = new Map(graph.inputs.map(({ name }) => [name, FED] as const));
  const all = follow(graph, scope);
  const names = graph.outputs.map(({ name }) => name);
  return {
    valueSized: new Set(names.filter((name) => of(all, name).sizes)),
    unranked: new Set(graph.outputs.flatMap(({ name, hasShape }) => (hasShape ? [] : name))),
  };
}

/** Adds the dependence of all tensors of a graph to the scope that it is in. */
function follow({ nodes }: OnnxGraph, outer: Scope): Scope {
  const scope = new Map(outer);
  for (const node of nodes) {
    const results = resultsOf(node, scope);
    node.outputs.forEach((name, index) => {
      // An output that is left out has no name; nor has an omitted input.
      if (name !== '') scope.set(name, results(index));
    });
  }
  return scope;
}

function resultsOf(node: OnnxNode, scope: Scope): (index: number) => Dependence {
  const inputs = node.inputs.map((name) => of(scope, name));
  if (node.domain === '' && node.op === 'If') return resultsOfIf(node, scope);
  if (node.domain === '' && node.op === 'Loop') return resultsOfLoop(node, inputs, scope);
  if (node.domain === '' && node.op === 'Scan') return resultsOfScan(node, inputs, scope);
  const all = joinAll(inputs);
  if (node.op === 'Shape' || node.op === 'Size') return () => ({ values: all.sizes, sizes: false });
  const operands = joinAll((SIZE_OPERANDS[node.op] ?? []).map((index) => inputs[index] ?? CONSTANT));
  const isValueSized = VALUE_SIZED.has(node.op) || !KNOWN_DOMAINS.has(node.domain) || node.graphs.length > 0;
  const sizes = all.sizes || operands.values || (isValueSized && all.values);
  return () => ({ values: all.values || all.sizes, sizes });
}

/** The condition selects between the sizes of the branches, each of which follows from the inputs' sizes as usual. */
function resultsOfIf({ inputs: [condition = ''], graphs }: OnnxNode, scope: Scope): (index: number) => Dependence {
  const branches = graphs.map((graph) => ({ graph, all: follow(graph, scope) }));
  return (index) => {
    const result = joinAll(branches.map(({ graph, all }) => of(all, graph.outputs[index]?.name)));
    return { values: result.values || of(scope, condition).values, sizes: result.sizes };
  };
}

/**
 * A loop's number of rounds is a size of its results. Body: (round, condition, carried…) to (condition, carried…,
 * scanned…).
 */
function resultsOfLoop({ graphs: [body] }: OnnxNode, inputs: readonly Dependence[], scope: Scope) {
  if (body === undefined) return () => joinAll(inputs);
  const [trip = CONSTANT, condition = CONSTANT, ...first] = inputs;
  let carried = first;
  let [goesOn, ...results]: Dependence[] = [];
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const all = follow(body, bound(body, [CONSTANT, condition, ...carried], scope));
    [goesOn, ...results] = body.outputs.map(({ name }) => of(all, name));
    const next = carried.map((own, index) => joinAll([own, results[index] ?? CONSTANT]));
    const isStable = next.every(({ values, sizes }, index) => {
      return values === carried[index]?.values && sizes === carried[index]?.sizes;
    });
    carried = next;
    if (isStable) break;
  }
  const rounds = joinAll([trip, condition, goesOn ?? CONSTANT]);
  const depends = rounds.values || rounds.sizes;
  return (index: number): Dependence => {
    const { values, sizes } = carried[index] ?? results[index] ?? CONSTANT;
    return { values: values || depends, sizes: sizes || depends };
  };
}

function resultsOfScan({ graphs: [body] }: OnnxNode, inputs: readonly Dependence[], scope: Scope) {
  if (body === undefined) return () => joinAll(inputs);
  const all = joinAll(inputs);
  const within = follow(
    body,
    bound(
      body,
      body.inputs.map(() => all),
      scope,
    ),
  );
  return (index: number): Dependence =>
    joinAll([of(within, body.outputs[index]?.name), { ...CONSTANT, sizes: all.sizes }]);
}

/** Returns the scope of a body whose inputs have these dependences. */
function bound({ inputs }: OnnxGraph, own: readonly Dependence[], scope: Scope): Scope {
  const all = new Map(scope);
  inputs.forEach(({ name }, index) => all.set(name, own[index] ?? CONSTANT));
  return all;
}

/** A tensor that has not been computed is a weight. */
function of(scope: Scope, name = ''): Dependence {
  return scope.get(name) ?? CONSTANT;
}

function joinAll(all: readonly Dependence[]): Dependence {
  return { values: all.some(({ values }) => values), sizes: all.some(({ sizes }) => sizes) };
}
