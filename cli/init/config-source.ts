import type { InspectedTensor } from '../../lib/models/inspect-onnx.ts';
import { describedTensor } from '../format/tensor.ts';
import type { NewProject, ProjectModel } from './new-project.ts';

/** Maximum width of a line of source code. */
const LINE = 100;
/** TypeScript types of values that are not numbers. */
const VALUE_TYPES: Readonly<Record<string, string>> = {
  BYTES: 'string',
  BOOL: 'boolean',
};
const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;

/** Returns the source of `fabric.config.ts`: typed to the model's outputs, with the fields that are its inputs. */
export function configSource(project: NewProject): string {
  return project.model === undefined ? withoutModel(project) : withModel(project, project.model);
}

function withModel(project: NewProject, { inspected, modelUri, inputs }: ProjectModel): string {
  const { outputNames } = inspected;
  const outputs = inspected.outputs.filter(({ name }) => outputNames?.includes(name) ?? true);
  const options = [
    `  modelUri: ${quoted(modelUri)},`,
    ...(inputs === undefined ? [] : [`  inputs: ${literal(inputs, 2)},`]),
    ...(outputNames === undefined ? [] : [`  outputNames: ${literal(outputNames, 2)},`]),
  ];
  return [
    "import { defineFabric, OnnxModelHandler, runInference } from 'inference-fabric';",
    '',
    '/** One prediction: a row of each output of the model. */',
    'interface Prediction {',
    ...outputs.map((output) => `  readonly ${key(output.name)}: ${typeOf(output)};`),
    '}',
    '',
    ...inspected.inputs.map((input) => `// Input ${described(input)}`),
    'const model = new OnnxModelHandler<unknown, Prediction>({',
    ...options,
    '});',
    '',
    ...pipelineSource(project, 'runInference(model)'),
  ].join('\n');
}

function withoutModel(project: NewProject): string {
  return [
    "import { defineFabric, map } from 'inference-fabric';",
    '',
    "// Replace this function by a model: runInference(new OnnxModelHandler({ modelUri: 'model.onnx' })).",
    'function countWords(line: string): { readonly words: number } {',
    "  return { words: line.split(' ').length };",
    '}',
    '',
    ...pipelineSource(project, 'map(countWords)'),
  ].join('\n');
}

function pipelineSource({ name, input, samplePath }: NewProject, step: string): readonly string[] {
  return [
    `// Try it: npx fabric run ${name} ${samplePath} --dry-run`,
    'export default defineFabric({',
    '  pipelines: {',
    `    ${key(name)}: {`,
    `      input: ${literal(input, 6)},`,
    `      steps: [${step}],`,
    '    },',
    '  },',
    '});',
    '',
  ];
}

function described({ batchDimension, ...tensor }: InspectedTensor): string {
  return describedTensor({ ...tensor, shape: tensor.shape ?? [] }, batchDimension !== null);
}

/** Returns the TypeScript type of one row of an output. */
function typeOf({ datatype, shape, batchDimension }: InspectedTensor): string {
  if (shape === null) return 'unknown';
  const value = VALUE_TYPES[datatype] ?? 'number';
  const dimensions = shape.slice(batchDimension === null ? 0 : 1);
  return dimensions.reduce<string>((type) => `readonly ${type.includes(' ') ? `(${type})` : type}[]`, value);
}

/** Returns a value as a literal, on one line if it fits. */
function literal(value: unknown, indent: number): string {
  const one = inline(value);
  if (one.length + indent + 'modelUri: ,'.length <= LINE) return one;
  const inner = ' '.repeat(indent + 2);
  const entries = Array.isArray(value)
    ? value.map((item) => literal(item, indent + 2))
    : Object.entries(value as object).map(([name, item]) => `${key(name)}: ${literal(item, indent + 2)}`);
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}'];
  return [open, ...entries.map((entry) => `${inner}${entry},`), `${' '.repeat(indent)}${close}`].join('\n');
}

function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`;
  if (typeof value === 'string') return quoted(value);
  if (typeof value !== 'object' || value === null) return String(value);
  return `{ ${Object.entries(value)
    .map(([name, item]) => `${key(name)}: ${inline(item)}`)
    .join(', ')} }`;
}

function key(name: string): string {
  return IDENTIFIER.test(name) ? name : quoted(name);
}

function quoted(text: string): string {
  return `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
}
