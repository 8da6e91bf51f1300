import { Stack } from 'aws-cdk-lib';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { describe, expect, test } from 'vitest';
import { checkFabric } from '../../cdk/check-fabric.ts';
import type { DescribedPipeline } from '../../cdk/fabric-description.ts';
import { container, lambda } from '../../lib/config/compute.ts';
import { ConfigError } from '../../lib/errors.ts';
import { type FabricOptions, testApp } from './synthesize.ts';

function pipeline(name: string, fields: Partial<DescribedPipeline> = {}): DescribedPipeline {
  return { name, compute: lambda(), manifests: 'own-prefix', modelFiles: [], modelObjects: [], ...fields };
}

interface Given {
  readonly pipelines?: readonly DescribedPipeline[];
  readonly options?: (stack: Stack) => FabricOptions;
  readonly context?: Readonly<Record<string, unknown>>;
}

/** What is refused, a line for each rule that is broken. */
function complaints({ pipelines = [pipeline('p')], options, context = {} }: Given): readonly string[] {
  const stack = new Stack(testApp(context), 'Test');
  const fabric = { configPath: '/app/fabric.config.ts', facts: {}, pipelines };
  try {
    checkFabric(stack, fabric, { configPath: fabric.configPath, ...options?.(stack) });
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    const [first, ...lines] = (error as ConfigError).message.split('\n');
    expect(first).toBe('Cannot deploy /app/fabric.config.ts:');
    return lines;
  }
  return [];
}

function named(stack: Stack, id: string): s3.IBucket {
  return s3.Bucket.fromBucketName(stack, id, 'data');
}

function many(count: number, nameOf = (index: number): string => `p${index}`): readonly DescribedPipeline[] {
  return Array.from({ length: count }, (_, index) => pipeline(nameOf(index)));
}

describe('checkFabric', () => {
  test('lets 20 pipelines pass, and refuses more', () => {
    expect(complaints({ pipelines: many(20) })).toEqual([]);
    expect(complaints({ pipelines: many(21) })).toEqual([
      'a fabric can have at most 20 pipelines, and this one has 21. Split them into several fabrics',
    ]);
  });

  test("refuses names that don't fit into the environment of a function", () => {
    expect(complaints({ pipelines: many(20, (index) => `${'long-'.repeat(10)}${index}`) })).toEqual([
      expect.stringMatching(
        /^the names of the pipelines exceed the environment of a Lambda function, .* by \d+ characters/,
      ),
    ]);
  });

  test('refuses containers that differ in their network, which they share', () => {
    const pipelines = [pipeline('cpu'), pipeline('gpu', { compute: container({ gpus: 1 }) })];
    expect(complaints({ pipelines })).toEqual([]);
    const apart = pipeline('apart', { compute: container({ network: 'private' }) });
    expect(complaints({ pipelines: [...pipelines, apart] })).toEqual([
      "the containers of a fabric must all have the same 'network': 'public' or 'private'",
    ]);
  });

  const endpoints = { permissions: [], secrets: [{ secretsManager: 'openai' }, { ssm: '/keys/openai' }] };

  test('refuses a secret of the environment, which a deployed function does not have', () => {
    const secrets = [...endpoints.secrets, { env: 'OPENAI_API_KEY' }];
    const pipelines = [pipeline('a', { endpoints }), pipeline('b', { endpoints: { ...endpoints, secrets } })];
    expect(complaints({ pipelines })).toEqual([
      "pipelines.b: a deployed function does not have the secret { env: 'OPENAI_API_KEY' }. Store it in AWS and use { secretsManager: '<name>' } or { ssm: '<name>' }",
    ]);
  });

  test("refuses more pipelines with remote models than fit into the governor's environment", () => {
    const remote = Array.from({ length: 15 }, (_, index) => pipeline(`p${index}`, { endpoints }));
    expect(complaints({ pipelines: [...remote.slice(0, 13), pipeline('local')] })).toEqual([]);
    expect(complaints({ pipelines: remote })).toEqual([
      "the 15 pipelines with remote models exceed the governor's environment, which is limited to 4096 bytes. Split them into several fabrics",
    ]);
  });

  test('counts the names of services there, which are long', () => {
    const compute = container();
    const remote = Array.from({ length: 8 }, (_, index) => pipeline(`p${index}`, { endpoints, compute }));
    expect(complaints({ pipelines: [...remote.slice(0, 6), pipeline('local')] })).toEqual([]);
    expect(complaints({ pipelines: remote })).toEqual([expect.stringMatching(/^the 8 pipelines with remote models/)]);
  });

  test('refuses the same bucket for input and output, whichever way it is named', () => {
    const twice = complaints({
      options: (stack) => ({ inputBuckets: [named(stack, 'In')], outputBucket: named(stack, 'Out') }),
    });
    expect(twice).toEqual([
      "'outputBucket' must not be one of 'inputBuckets': the fabric would process its own results",
    ]);
    const own = complaints({
      options: (stack) => {
        const bucket = new s3.Bucket(stack, 'Bucket') as s3.IBucket;
        return { inputBuckets: [bucket], outputBucket: bucket };
      },
    });
    expect(own).toEqual(twice);
    const differing = complaints({
      options: (stack) => ({
        inputBuckets: [named(stack, 'In')],
        outputBucket: new s3.Bucket(stack, 'Out') as s3.IBucket,
      }),
    });
    expect(differing).toEqual([]);
  });

  test.each([['riscv'], [64]])('refuses the architecture %s', (architecture) => {
    expect(complaints({ context: { architecture } })).toEqual([
      `the context value 'architecture' must be 'arm64' or 'x86_64': current value is '${architecture}'`,
    ]);
  });
});
