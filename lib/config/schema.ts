import { z } from 'zod';
import { DELIMITER, DELIMITER_RULE } from '../formats/csv-delimiter.ts';
import { DEFAULT_MAX_COLUMNS, DEFAULT_MAX_ELEMENTS, DEFAULT_MAX_UNCOMPRESSED_BYTES } from '../formats/input-limits.ts';
import { DEFAULT_PART_FORMAT } from '../formats/parts/part-formats.ts';
import { type FormatName, formatNames, formatOf } from '../formats/registry.ts';
import { ModelHandler } from '../models/model-handler.ts';
import { DEFAULT_LAMBDA, LAMBDA_MAX_MEMORY_MB, LAMBDA_MAX_TIMEOUT_SECS } from './compute.ts';
import { outputFields } from './output-rules.ts';
import { modelsOf } from './pipeline-models.ts';
import type { Step } from './steps.ts';

const MIB = 1024 * 1024;
/** Maximum bytes of a line or an object: far above any real element, far below the memory of a worker. */
const DEFAULT_MAX_ELEMENT_BYTES = 16 * MIB;
const DEFAULT_BUNDLE_BYTES = 4 * MIB;
const DEFAULT_BUNDLE_ELEMENTS = 256;
const DEFAULT_MAX_PIXELS = 50_000_000;

const positiveInteger = z.int('must be a positive integer').positive('must be a positive integer');
const wholeNumber = z.int('must be a whole number, 0 or more').nonnegative('must be a whole number, 0 or more');
const positiveNumber = z.number('must be a positive number').positive('must be a positive number');
const fieldName = z.string('must be the name of a field').min(1, 'must be the name of a field');
const aFunction = z.custom<(...args: unknown[]) => unknown>(
  (value) => typeof value === 'function',
  'must be a function',
);
const format = z.custom<FormatName>((value) => typeof value === 'string' && formatNames().includes(value), {
  error: () => `must be one of ${formatNames().join(', ')}`,
});
const args = z.record(z.string(), z.unknown(), 'must be an object');

function integerWithin(least: number, most: number): z.ZodInt {
  const message = `must be an integer from ${least} to ${most}`;
  return z.int(message).min(least, message).max(most, message);
}

const keySegment = z.strictObject({ segment: z.int('must be an integer') });

const columnNames = z
  .array(z.string('must be a name').min(1, 'must be a name'), 'must be a list of names')
  .min(1, 'must have at least one name')
  .refine((names) => new Set(names).size === names.length, 'must have no name twice');
const header = z.union([z.boolean(), columnNames], 'must be true, false or a list of names of columns, each once');

const inputFields = z.strictObject(
  {
    format,
    id: fieldName.optional(),
    key: z.union([fieldName, keySegment], 'must be the name of a field, or { segment }').optional(),
    groupByKey: z.boolean('must be true or false').optional(),
    inferenceArgs: fieldName.optional(),
    manifests: z.enum(['own-prefix', 'any'], "must be 'own-prefix' or 'any'").optional(),
    bundleBytes: positiveInteger.default(DEFAULT_BUNDLE_BYTES),
    bundleElements: positiveInteger.default(DEFAULT_BUNDLE_ELEMENTS),
    maxElementBytes: positiveInteger.default(DEFAULT_MAX_ELEMENT_BYTES),
    maxPixels: positiveInteger.default(DEFAULT_MAX_PIXELS),
    maxUncompressedBytes: positiveInteger.default(DEFAULT_MAX_UNCOMPRESSED_BYTES),
    maxElements: positiveInteger.default(DEFAULT_MAX_ELEMENTS),
    maxColumns: positiveInteger.default(DEFAULT_MAX_COLUMNS),
    delimiter: z.string(DELIMITER_RULE).regex(DELIMITER, DELIMITER_RULE).optional(),
    header: header.optional(),
    columns: columnNames.optional(),
    partitioning: z.enum(['none', 'hive'], "must be 'none' or 'hive'").optional(),
    quotedNewlines: z.boolean('must be true or false').optional(),
  },
  'must be an object with a format',
);

const input = inputFields
  .refine(({ groupByKey, key }) => groupByKey !== true || key !== undefined, {
    path: ['groupByKey'],
    error: "must be left out where 'key' does not say what an element's key is",
  })
  .refine(({ groupByKey, format }) => groupByKey !== true || formatOf(format).holds === 'many', {
    path: ['groupByKey'],
    error: 'must be left out for images and binary: their objects are taken in the order in which they are listed',
  })
  .refine(({ manifests, format }) => manifests === undefined || formatOf(format).holds === 'one', {
    path: ['manifests'],
    error: 'must be left out: only the objects of images and binary are listed in manifests',
  })
  .refine(({ header, format }) => header === undefined || format === 'csv' || format === 'tsv', {
    path: ['header'],
    error: 'must be left out: only csv and tsv have a header',
  })
  .refine(({ columns, format }) => columns === undefined || format === 'parquet', {
    path: ['columns'],
    error: 'must be left out: only of parquet files some columns can be read',
  })
  .refine(({ partitioning, format }) => partitioning === undefined || format === 'parquet', {
    path: ['partitioning'],
    error: 'must be left out: only folders of parquet files are read as fields',
  });

const modelHandler = z
  .instanceof(ModelHandler, { error: 'must be a ModelHandler of this installation of inference-fabric' })
  .refine((handler) => modelsOf(handler).every((model) => missingMethods(model).length === 0), {
    error: ({ input: handler }) =>
      `must have the methods of its kind: ${modelsOf(handler as ModelHandler)
        .flatMap((model) => missingMethods(model).map((method) => `${model.constructor.name} has no '${method}'`))
        .join(', ')}`,
  });

const runInferenceStep = z
  .strictObject({
    kind: z.literal('runInference'),
    handler: modelHandler,
    timeoutSecs: positiveNumber,
    loadTimeoutSecs: positiveNumber,
    onTimeout: z.enum(['fail', 'retry'], "must be 'fail' or 'retry'"),
    inferenceArgs: args.optional(),
    refreshSecs: positiveNumber.optional(),
  })
  .refine(
    ({ handler, refreshSecs }) =>
      refreshSecs === undefined || modelsOf(handler).every(({ modelFiles }) => modelFiles !== undefined),
    {
      path: ['refreshSecs'],
      error: 'must be left out where a model comes from no file of which there may be a new version',
    },
  );

const mapStep = z.strictObject({ kind: z.literal('map'), fn: aFunction });
const mapBatchesStep = z.strictObject({ kind: z.literal('mapBatches'), fn: aFunction, batchSize: positiveInteger });
const filterStep = z.strictObject({ kind: z.literal('filter'), fn: aFunction });
const flatMapStep = z.strictObject({ kind: z.literal('flatMap'), fn: aFunction });

const branchName = z
  .string()
  .regex(/^[A-Za-z0-9][\w-]*$/, 'must be a name of letters, digits, hyphens and underscores');

const weight = z.number('must be a number of at least 0').nonnegative('must be a number of at least 0');

const branchStep = z
  .strictObject({
    kind: z.literal('branch'),
    get branches() {
      return z
        .record(
          branchName,
          z.array(step, 'must be a list of steps').min(1, 'must have at least one step'),
          'must be an object of lists of steps by name',
        )
        .refine((branches) => Object.keys(branches).length > 0, 'must have at least one branch');
    },
    split: z.union(
      [z.literal('all'), z.record(z.string(), weight), aFunction],
      "must be 'all', weights of at least 0 by branch, or a function",
    ),
  })
  .refine(({ branches, split }) => typeof split !== 'object' || weighsEach(branches, split), {
    path: ['split'],
    error: 'must have a weight for each branch and for nothing else, one of them above 0',
  });

const step: z.ZodType<Step> = z.discriminatedUnion(
  'kind',
  [runInferenceStep, mapStep, mapBatchesStep, filterStep, flatMapStep, branchStep],
  'must be a step: runInference(…), map(…), mapBatches(…), filter(…), flatMap(…) or branch(…)',
) as never;

function weighsEach(branches: object, weights: Readonly<Record<string, number>>): boolean {
  const sameNames = Object.keys(branches).toSorted().join() === Object.keys(weights).toSorted().join();
  return sameNames && Object.values(weights).some((weight) => weight > 0);
}

function missingMethods(handler: ModelHandler): readonly string[] {
  return handler.requiredMethods.filter((method) => typeof Reflect.get(handler, method) !== 'function');
}

const output = outputFields.default({ ...DEFAULT_PART_FORMAT, join: 'none' });

const permission = z.strictObject(
  {
    actions: z
      .array(z.string().regex(/^[a-z0-9-]+:[A-Za-z*]+$/, 'must be service:Action'), 'must be a list of actions')
      .min(1, 'must have at least one action'),
    resources: z
      .array(z.string().regex(/^(\*$|arn:)/, 'must be an ARN or *'), 'must be a list of ARNs')
      .min(1, 'must have at least one ARN'),
  },
  'must be { actions, resources }',
);

// The limits are those of AWS Lambda; a shorter run has no time to requeue its remaining bundles.
const lambdaCompute = z.strictObject({
  kind: z.literal('lambda'),
  memoryMb: integerWithin(128, LAMBDA_MAX_MEMORY_MB),
  timeoutSecs: integerWithin(30, LAMBDA_MAX_TIMEOUT_SECS),
  architecture: z.enum(['arm64', 'x86_64'], "must be 'arm64' or 'x86_64'").optional(),
  ephemeralStorageMb: integerWithin(512, 10_240),
  maxConcurrency: z
    .union([z.literal('unlimited'), integerWithin(2, 1000)], "must be an integer from 2 to 1000, or 'unlimited'")
    .optional(),
  permissions: z.array(permission, 'must be a list of { actions, resources }').optional(),
});

const instanceType = z
  .string()
  .regex(/^[a-z0-9-]+(\.[a-z0-9-]+|[a-z0-9.-]*\*)$/, 'must be a type of instances: g6.xlarge, g6.*');

// SIGTERM comes two minutes before a spot instance is taken back; a message can be hidden for 12 hours.
const containerCompute = z
  .strictObject({
    kind: z.literal('container'),
    gpus: integerWithin(0, 8),
    cpu: integerWithin(1, 192),
    memoryMb: integerWithin(512, 2_097_152),
    instanceTypes: z
      .array(instanceType, 'must be a list of types of instances')
      .min(1, 'must have at least one type')
      .optional(),
    spot: z.boolean('must be true or false'),
    maxTasks: integerWithin(1, 1000),
    minTasks: integerWithin(0, 1000),
    backlogPerTask: integerWithin(1, 1000),
    capacity: z.enum(
      ['managed-instances', 'auto-scaling-group'],
      "must be 'managed-instances' or 'auto-scaling-group'",
    ),
    network: z.enum(['public', 'private'], "must be 'public' or 'private'"),
    stopTimeoutSecs: integerWithin(10, 120),
    visibilitySecs: integerWithin(30, 43_200),
    permissions: z.array(permission, 'must be a list of { actions, resources }').optional(),
  })
  .refine(({ minTasks, maxTasks }) => minTasks <= maxTasks, {
    path: ['minTasks'],
    error: "must be at most 'maxTasks'",
  });

const compute = z
  .discriminatedUnion('kind', [lambdaCompute, containerCompute], 'must be lambda(…) or container(…)')
  .default(DEFAULT_LAMBDA);

const pipeline = z.strictObject(
  {
    input,
    steps: z.array(step, 'must be a list of steps').min(1, 'must have at least one step'),
    output,
    compute,
    maxFailures: wholeNumber.optional(),
    maxFailureRatio: positiveNumber.max(1, 'must be at most 1').optional(),
  },
  'must be a pipeline: { input, steps, … }',
);

const pipelineName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]*$/, 'must be a name of lower-case letters, digits and hyphens, the first not a hyphen');

/** Schema of the argument of `defineFabric`. It refuses unknown fields and adds defaults. */
export const fabricSchema = z.strictObject(
  {
    pipelines: z
      .record(pipelineName, pipeline, 'must be an object of pipelines by name')
      .refine((pipelines) => Object.keys(pipelines).length > 0, 'must have at least one pipeline'),
  },
  'must be an object with pipelines',
);
