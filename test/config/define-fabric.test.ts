import { describe, expect, test } from 'vitest';
import { container } from '../../lib/config/compute.ts';
import { defineFabric, isFabric } from '../../lib/config/fabric.ts';
import { branch, filter, flatMap, map, mapBatches, runInference } from '../../lib/config/steps.ts';
import { ConfigError } from '../../lib/errors.ts';
import { fn, FORMATS, handler, input, INTEGER, PIPELINE_RULES, sound, step } from './pipeline-rules.ts';

/** What `defineFabric` says of a definition, a line for each rule that it breaks. */
function complaints(definition: unknown): string[] {
  try {
    defineFabric(definition as Parameters<typeof defineFabric>[0]);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message.split('\n');
  }
  return [];
}

/** The same for a pipeline `p`, sound but for these fields. */
function complaintsOf(fields: object): string[] {
  return complaints({ pipelines: { p: { ...sound, ...fields } } });
}

const LAMBDA = { kind: 'lambda', memoryMb: 2048, timeoutSecs: 900, ephemeralStorageMb: 2048 };

describe('defineFabric', () => {
  test.each(PIPELINE_RULES.map(([fields, complaint]) => [complaint, fields] as const))(
    'names the path, the rule and the value: %s',
    (complaint, fields) => expect(complaintsOf(fields)).toEqual([complaint]),
  );

  const shapes: readonly (readonly [definition: unknown, complaint: string])[] = [
    [undefined, 'the configuration must be an object with pipelines: current value is undefined'],
    [{}, 'pipelines must be an object of pipelines by name: current value is undefined'],
    [{ pipelines: [] }, 'pipelines must be an object of pipelines by name: current value is a list of 0'],
    [{ pipelines: {} }, 'pipelines must have at least one pipeline: current value is an object'],
    [{ pipelines: { p: sound }, region: 'eu' }, "the configuration has no field 'region'"],
    [{ pipelines: { p: null } }, 'pipelines.p must be a pipeline: { input, steps, … }: current value is null'],
    [
      { pipelines: { p: { steps: [step] } } },
      'pipelines.p.input must be an object with a format: current value is undefined',
    ],
    [
      { pipelines: { p: { ...sound, output: 'jsonl' } } },
      "pipelines.p.output must be an object: current value is 'jsonl'",
    ],
  ];
  test.each(shapes.map(([definition, complaint]) => [complaint, definition] as const))(
    'names what is no configuration: %s',
    (complaint, definition) => expect(complaints(definition)).toEqual([complaint]),
  );

  test.each(['', 'Wine', '-wine', 'wine_2', 'wine/2', 'wein★', '_rejected', '.fabric', '__proto__x'])(
    "refuses the pipeline name '%s'",
    (name) => {
      expect(complaints({ pipelines: { [name]: sound } })).toEqual([
        `pipelines['${name}'] must be a name of lower-case letters, digits and hyphens, the first not a hyphen: current value is '${name}'`,
      ]);
    },
  );

  test.each(['a', '0', 'breast-cancer', '3d-scans-'])("takes the pipeline name '%s'", (name) => {
    expect(Object.keys(defineFabric({ pipelines: { [name]: sound } }).pipelines)).toEqual([name]);
  });

  test('says of every rule that is broken, a line for each', () => {
    const broken = {
      pipelines: {
        one: { ...sound, input: { format: 'xml', bundleBytes: 0 } },
        two: { ...sound, maxFailures: -1, extra: true },
      },
    };
    expect(complaints(broken)).toEqual([
      `pipelines.one.input.format must be one of ${FORMATS}: current value is 'xml'`,
      `pipelines.one.input.bundleBytes ${INTEGER}: current value is 0`,
      'pipelines.two.maxFailures must be a whole number, 0 or more: current value is -1',
      "pipelines.two has no field 'extra'",
    ]);
  });

  test('shows no more than the start of a value, and nothing of an object', () => {
    const [complaint = ''] = complaintsOf(input({ format: `s3cret-${'x'.repeat(100)}` }));
    expect(complaint.length).toBeLessThan(160);
    expect(complaintsOf({ output: { join: { token: 's3cret' } } })).toEqual([
      "pipelines.p.output.join must be 'none' or 'input': current value is an object",
    ]);
  });

  test('fills in the defaults', () => {
    const fabric = defineFabric({ pipelines: { p: { input: { format: 'csv' }, steps: [runInference(handler)] } } });
    expect(fabric.pipelines['p']).toEqual({
      input: {
        format: 'csv',
        bundleBytes: 4 * 1024 * 1024,
        bundleElements: 256,
        maxElementBytes: 16 * 1024 * 1024,
        maxPixels: 50_000_000,
        maxUncompressedBytes: 20 * 1024 ** 3,
        maxElements: 100_000_000,
        maxColumns: 100_000,
      },
      steps: [
        {
          kind: 'runInference',
          handler,
          timeoutSecs: 300,
          loadTimeoutSecs: 300,
          onTimeout: 'fail',
          inferenceArgs: undefined,
        },
      ],
      output: { format: 'jsonl', join: 'none' },
      compute: LAMBDA,
    });
    expect(defineFabric({ pipelines: { p: { ...sound, output: { elements: 'id' } } } }).pipelines['p']?.output).toEqual(
      {
        format: 'jsonl',
        join: 'none',
        elements: 'id',
      },
    );
    expect(defineFabric({ pipelines: { p: { ...sound, output: { join: 'input' } } } }).pipelines['p']?.output).toEqual({
      format: 'jsonl',
      join: 'input',
    });
  });

  test('keeps what is set', () => {
    const definition = {
      input: {
        format: 'csv',
        id: 'id',
        key: 'key',
        bundleBytes: 10,
        bundleElements: 2,
        maxElementBytes: 5,
        maxPixels: 9,
        maxUncompressedBytes: 7,
        maxElements: 8,
        maxColumns: 3,
        delimiter: ';',
        quotedNewlines: false,
      },
      steps: [
        runInference(handler, { timeoutSecs: 0.5, onTimeout: 'retry', inferenceArgs: { a: [1] } }),
        map(fn),
        mapBatches((all) => all, { batchSize: 5 }),
        filter(() => true),
        branch({ a: [flatMap(() => [])], b: [map(fn)] }, { split: { a: 0.5, b: 0 } }),
      ],
      output: { format: 'jsonl', join: 'input' },
      compute: container({ gpus: 2 }),
      maxFailures: 5,
      maxFailureRatio: 0.5,
    } as const;
    expect(defineFabric({ pipelines: { p: definition } }).pipelines['p']).toEqual(definition);
  });

  test('freezes all that is its own, and leaves handlers and the definition as they are', () => {
    const definition = { p: { ...sound, steps: [runInference(handler, { inferenceArgs: { list: [1] } })] } };
    const fabric = defineFabric({ pipelines: definition });
    const pipeline = fabric.pipelines['p'];
    const first = pipeline?.steps[0];
    for (const own of [fabric, fabric.pipelines, pipeline, pipeline?.input, pipeline?.steps, first, pipeline?.output])
      expect(Object.isFrozen(own)).toBe(true);
    expect(first).toMatchObject({ handler });
    expect(first?.kind === 'runInference' && first.handler).toBe(handler);
    expect(Object.isFrozen(handler)).toBe(false);
    expect(Object.isFrozen(definition.p)).toBe(false);
    expect(Object.isFrozen(definition.p.steps)).toBe(false);
  });
});

describe('isFabric', () => {
  test('knows what defineFabric gave from what only looks like it', () => {
    const fabric = defineFabric({ pipelines: { p: sound } });
    expect(isFabric(fabric)).toBe(true);
    for (const other of [{ ...fabric }, { pipelines: {} }, null, undefined, 'fabric'])
      expect(isFabric(other)).toBe(false);
  });
});
