import { inspect } from 'node:util';
import { container, lambda } from '../../lib/config/compute.ts';
import type { PipelineDefinition } from '../../lib/config/fabric.ts';
import { branch, filter, flatMap, map, mapBatches, runInference } from '../../lib/config/steps.ts';
import { RemoteModelHandler } from '../../lib/remote/remote-model-handler.ts';
import { OnnxModelHandler } from '../../lib/models/onnx-model-handler.ts';

export const handler = new OnnxModelHandler({ modelUri: 'a.onnx' });

export const step = runInference(handler);

export const sound: PipelineDefinition = { input: { format: 'jsonl' }, steps: [step] };

export function input(fields: object): object {
  return { input: { format: 'jsonl', ...fields } };
}

function stepWith(fields: object): object {
  return { steps: [{ ...step, ...fields }] };
}

/** A handler as JavaScript lets it be written: a class that a type check refuses. */
const AnyHandler = RemoteModelHandler as unknown as new () => OnnxModelHandler;

class Unfinished extends AnyHandler {
  createClient(): object {
    return {};
  }
}

export const fn = (value: unknown): unknown => value;

export const FORMATS = 'jsonl, json, csv, tsv, text, parquet, images, binary';

export const INTEGER = 'must be a positive integer';

export const NUMBER = 'must be a positive number';

const computeOf = (options: object): object => ({ compute: lambda(options) });

const permissions = (fields: object): object =>
  computeOf({ permissions: [{ actions: ['s3:GetObject'], resources: ['*'], ...fields }] });

const lambdaRules: readonly (readonly [fields: object, complaint: string])[] = [
  [computeOf({ memoryMb: 0 }), 'pipelines.p.compute.memoryMb must be an integer from 128 to 10240: current value is 0'],
  [
    computeOf({ memoryMb: 2048.5 }),
    'pipelines.p.compute.memoryMb must be an integer from 128 to 10240: current value is 2048.5',
  ],
  [
    computeOf({ timeoutSecs: 901 }),
    'pipelines.p.compute.timeoutSecs must be an integer from 30 to 900: current value is 901',
  ],
  [
    computeOf({ architecture: 'x64' }),
    "pipelines.p.compute.architecture must be 'arm64' or 'x86_64': current value is 'x64'",
  ],
  [
    computeOf({ ephemeralStorageMb: 511 }),
    'pipelines.p.compute.ephemeralStorageMb must be an integer from 512 to 10240: current value is 511',
  ],
  [
    computeOf({ maxConcurrency: 1 }),
    'pipelines.p.compute.maxConcurrency must be an integer from 2 to 1000: current value is 1',
  ],
  [
    computeOf({ permissions: 's3:GetObject' }),
    "pipelines.p.compute.permissions must be a list of { actions, resources }: current value is 's3:GetObject'",
  ],
  [
    permissions({ actions: ['*'] }),
    "pipelines.p.compute.permissions[0].actions[0] must be service:Action: current value is '*'",
  ],
  [
    permissions({ resources: ['my-bucket'] }),
    "pipelines.p.compute.permissions[0].resources[0] must be an ARN or *: current value is 'my-bucket'",
  ],
  [
    permissions({ resources: [] }),
    'pipelines.p.compute.permissions[0].resources must have at least one ARN: current value is a list of 0',
  ],
  [permissions({ effect: 'Deny' }), "pipelines.p.compute.permissions[0] has no field 'effect'"],
  [computeOf({ memory: 1024 }), "pipelines.p.compute has no field 'memory'"],
  [{ compute: container({ cpus: 2 } as object) }, "pipelines.p.compute has no field 'cpus'"],
];

const branches = { a: [map(fn)], b: [map(fn)] };

const SPLIT = "must be 'all', weights of at least 0 by branch, or a function";

const WEIGHTS = 'must have a weight for each branch and for nothing else, one of them above 0';

const branchTo = (fields: object): object => ({ ...branch(branches), ...fields });

const splitBy = (split: unknown): object => branchTo({ split });

const HEADER = 'pipelines.p.input.header must';

/** Steps that break a rule, and what is said of each behind its place. */
const stepRules: readonly (readonly [step: object, complaint: string])[] = [
  [filter(undefined as never), '.fn must be a function: current value is undefined'],
  [flatMap('fn' as never), ".fn must be a function: current value is 'fn'"],
  [mapBatches(5 as never), '.fn must be a function: current value is 5'],
  [mapBatches((all) => all, { batchSize: 0 }), `.batchSize ${INTEGER}: current value is 0`],
  [mapBatches((all) => all, { batchSize: 1.5 }), `.batchSize ${INTEGER}: current value is 1.5`],
  [mapBatches((all) => all, { size: 5 } as object), " has no field 'size'"],
  [branch({}), '.branches must have at least one branch: current value is an object'],
  [
    branchTo({ branches: [[map(fn)]] }),
    '.branches must be an object of lists of steps by name: current value is a list of 1',
  ],
  [branch({ a: [] }), '.branches.a must have at least one step: current value is a list of 0'],
  [branchTo({ branches: { a: map(fn) } }), '.branches.a must be a list of steps: current value is an object'],
  [
    branch({ a: [branch({ b: [filter(5 as never)] })] }),
    '.branches.a[0].branches.b[0].fn must be a function: current value is 5',
  ],
  [
    branch({ 'a.b': [map(fn)] }),
    ".branches['a.b'] must be a name of letters, digits, hyphens and underscores: current value is 'a.b'",
  ],
  [splitBy('some'), `.split ${SPLIT}: current value is 'some'`],
  [splitBy(0.5), `.split ${SPLIT}: current value is 0.5`],
  [splitBy({ a: '1', b: 1 }), `.split ${SPLIT}: current value is an object`],
  [splitBy({ a: -1, b: 1 }), '.split.a must be a number of at least 0: current value is -1'],
  [splitBy({ a: 1 }), `.split ${WEIGHTS}: current value is an object`],
  [splitBy({ a: 1, b: 1, c: 1 }), `.split ${WEIGHTS}: current value is an object`],
  [splitBy({ a: 0, b: 0 }), `.split ${WEIGHTS}: current value is an object`],
  [branch(branches, { by: 'id' } as object), " has no field 'by'"],
];

/** Fields of a pipeline that break a rule, and the complaint about each. */
export const PIPELINE_RULES: readonly (readonly [fields: object, complaint: string])[] = [
  [input({ format: 'xml' }), `pipelines.p.input.format must be one of ${FORMATS}: current value is 'xml'`],
  [{ input: {} }, `pipelines.p.input.format must be one of ${FORMATS}: current value is undefined`],
  [input({ id: '' }), "pipelines.p.input.id must be the name of a field: current value is ''"],
  [input({ id: 5 }), 'pipelines.p.input.id must be the name of a field: current value is 5'],
  [input({ key: 5 }), 'pipelines.p.input.key must be the name of a field, or { segment }: current value is 5'],
  [input({ key: '' }), "pipelines.p.input.key must be the name of a field: current value is ''"],
  [
    input({ groupByKey: true }),
    "pipelines.p.input.groupByKey must be left out where 'key' does not say what an element's key is: current value is true",
  ],
  [
    input({ manifests: 'all', format: 'images' }),
    "pipelines.p.input.manifests must be 'own-prefix' or 'any': current value is 'all'",
  ],
  [
    input({ manifests: 'any' }),
    "pipelines.p.input.manifests must be left out: only the objects of images and binary are listed in manifests: current value is 'any'",
  ],
  [
    input({ groupByKey: true, key: 'k', format: 'images' }),
    'pipelines.p.input.groupByKey must be left out for images and binary: their objects are taken in the order in which they are listed: current value is true',
  ],
  [input({ bundleBytes: 0 }), `pipelines.p.input.bundleBytes ${INTEGER}: current value is 0`],
  [input({ bundleBytes: '4' }), `pipelines.p.input.bundleBytes ${INTEGER}: current value is '4'`],
  [input({ bundleElements: 1.5 }), `pipelines.p.input.bundleElements ${INTEGER}: current value is 1.5`],
  [input({ maxElementBytes: -1 }), `pipelines.p.input.maxElementBytes ${INTEGER}: current value is -1`],
  [input({ maxUncompressedBytes: 0 }), `pipelines.p.input.maxUncompressedBytes ${INTEGER}: current value is 0`],
  [input({ maxElements: 1.5 }), `pipelines.p.input.maxElements ${INTEGER}: current value is 1.5`],
  [input({ maxColumns: 0 }), `pipelines.p.input.maxColumns ${INTEGER}: current value is 0`],
  [input({ maxPixels: null }), `pipelines.p.input.maxPixels ${INTEGER}: current value is null`],
  ...['', ';;', 'ü', '"'].map(
    (delimiter) =>
      [
        input({ delimiter }),
        `pipelines.p.input.delimiter must be one ASCII character, not a quote or a line break: current value is ${inspect(delimiter)}`,
      ] as const,
  ),
  [
    input({ header: true }),
    'pipelines.p.input.header must be left out: only csv and tsv have a header: current value is true',
  ],
  [
    input({ columns: ['a'] }),
    'pipelines.p.input.columns must be left out: only of parquet files some columns can be read: current value is a list of 1',
  ],
  [
    input({ partitioning: 'hive' }),
    "pipelines.p.input.partitioning must be left out: only folders of parquet files are read as fields: current value is 'hive'",
  ],
  [
    { output: { schema: 'double' } },
    "pipelines.p.output.schema must be left out: only parquet and csv have one, set 'format': current value is 'double'",
  ],
  [
    { output: { format: 'csv', compression: 'zstd' } },
    "pipelines.p.output.compression must be left out: only the columns of parquet are compressed: current value is 'zstd'",
  ],
  [
    { output: { format: 'csv', schema: { id: 'string' } } },
    'pipelines.p.output.schema must not have a field called id, key, input, model: CSV has columns of these names: current value is an object',
  ],
  [
    { output: { format: 'parquet', schema: { a: 'text' } } },
    'pipelines.p.output.schema must be a type: string, bool, int32, int64, float, double, timestamp, date, json, a list of one type, or an object of types by field: current value is an object',
  ],
  [input({ format: 'csv', header: ['a', 'a'] }), `${HEADER} have no name twice: current value is a list of 2`],
  [input({ format: 'csv', header: [] }), `${HEADER} have at least one name: current value is a list of 0`],
  [
    input({ format: 'csv', header: 'a' }),
    `${HEADER} be true, false or a list of names of columns, each once: current value is 'a'`,
  ],
  [input({ quotedNewlines: 1 }), 'pipelines.p.input.quotedNewlines must be true or false: current value is 1'],
  [input({ compresion: 'gzip' }), "pipelines.p.input has no field 'compresion'"],
  [{ steps: [] }, 'pipelines.p.steps must have at least one step: current value is a list of 0'],
  [{ steps: step }, 'pipelines.p.steps must be a list of steps: current value is an object'],
  [
    { steps: [handler] },
    'pipelines.p.steps[0] must be a step: runInference(…), map(…), mapBatches(…), filter(…), flatMap(…) or branch(…): current value is an object',
  ],
  [
    { steps: [step, 5] },
    'pipelines.p.steps[1] must be a step: runInference(…), map(…), mapBatches(…), filter(…), flatMap(…) or branch(…): current value is 5',
  ],
  [
    stepWith({ handler: new Unfinished() }),
    "pipelines.p.steps[0].handler must have the methods of its kind: Unfinished has no 'request': current value is an object",
  ],
  [
    stepWith({ handler: new Unfinished().withPreprocessFn(fn) }),
    "pipelines.p.steps[0].handler must have the methods of its kind: Unfinished has no 'request': current value is an object",
  ],
  [
    stepWith({ handler: { modelUri: 'a.onnx' } }),
    'pipelines.p.steps[0].handler must be a ModelHandler of this installation of inference-fabric: current value is an object',
  ],
  [stepWith({ timeoutSecs: 0 }), `pipelines.p.steps[0].timeoutSecs ${NUMBER}: current value is 0`],
  [stepWith({ timeoutSecs: Number.NaN }), `pipelines.p.steps[0].timeoutSecs ${NUMBER}: current value is NaN`],
  [stepWith({ loadTimeoutSecs: -5 }), `pipelines.p.steps[0].loadTimeoutSecs ${NUMBER}: current value is -5`],
  [
    stepWith({ onTimeout: 'skip' }),
    "pipelines.p.steps[0].onTimeout must be 'fail' or 'retry': current value is 'skip'",
  ],
  [stepWith({ inferenceArgs: 5 }), 'pipelines.p.steps[0].inferenceArgs must be an object: current value is 5'],
  [stepWith({ timeout: 5 }), "pipelines.p.steps[0] has no field 'timeout'"],
  [{ steps: [{ kind: 'map', fn: 5 }] }, 'pipelines.p.steps[0].fn must be a function: current value is 5'],
  ...stepRules.map(([step, complaint]) => [{ steps: [step] }, `pipelines.p.steps[0]${complaint}`] as const),
  [
    { output: { format: 'xlsx' } },
    "pipelines.p.output.format must be 'jsonl' or 'parquet' or 'csv': current value is 'xlsx'",
  ],
  [{ output: { join: 'all' } }, "pipelines.p.output.join must be 'none' or 'input': current value is 'all'"],
  [{ output: { elements: 'key' } }, "pipelines.p.output.elements must be 'id': current value is 'key'"],
  [{ output: { path: 'x' } }, "pipelines.p.output has no field 'path'"],
  [{ compute: 'lambda' }, "pipelines.p.compute must be lambda(…) or container(…): current value is 'lambda'"],
  ...lambdaRules,
  [
    { compute: container({ gpus: -1 }) },
    'pipelines.p.compute.gpus must be an integer from 0 to 8: current value is -1',
  ],
  [
    { compute: container({ minTasks: 3, maxTasks: 2 }) },
    "pipelines.p.compute.minTasks must be at most 'maxTasks': current value is 3",
  ],
  [
    { compute: container({ instanceTypes: ['g6'] }) },
    "pipelines.p.compute.instanceTypes[0] must be a type of instances: g6.xlarge, g6.*: current value is 'g6'",
  ],
  [
    { compute: container({ network: 'vpn' as 'public' }) },
    "pipelines.p.compute.network must be 'public' or 'private': current value is 'vpn'",
  ],
  [{ maxFailures: 0.5 }, 'pipelines.p.maxFailures must be a whole number, 0 or more: current value is 0.5'],
  [{ maxFailureRatio: 0 }, `pipelines.p.maxFailureRatio ${NUMBER}: current value is 0`],
  [{ maxFailureRatio: 1.5 }, 'pipelines.p.maxFailureRatio must be at most 1: current value is 1.5'],
  [{ retries: 3, queue: 'q' }, "pipelines.p has no field 'retries', 'queue'"],
];
