import * as s3 from 'aws-cdk-lib/aws-s3';
import { describe, expect, test } from 'vitest';
import { permissionsOf } from './permissions-of.ts';
import { resourcesOf, synthesize } from './synthesize.ts';

const { template } = synthesize();

/** Wildcards that are argued for. */
const ARGUED = [
  // The keys of dropped files and of their results are not known beforehand.
  /^s3:(GetObject|GetObjectVersion|ListBucket) <FabricInput>\/(plain|across-bundles|from-s3)\/\*$/,
  /^s3:\w+ <FabricOutput>\/(\.fabric\/)?(plain|across-bundles|from-s3)\/\*/,
  /^s3:(GetObject|PutObject|AbortMultipartUpload|ListBucket) <FabricOutput>\/(\.fabric|_rejected)\/\*$/,
  /^s3:\w+ <FabricOutput>\/\*\/(_?job\.json|_?manifest\.json|_SUCCESS|part-\*|_errors\/errors-\*|errors\/part-\*)$/,
  // What a pointer to a model names lies beside it.
  /^s3:(GetObject|GetObjectVersion|ListBucket) arn:Partition:s3:::models\/summary\/\*$/,
  // X-Ray has no resources for these.
  /^xray:Put(TraceSegments|TelemetryRecords) \*$/,
];

const LOGS = ['logs:CreateLogStream', 'logs:PutLogEvents'];
const TRACES = ['xray:PutTelemetryRecords *', 'xray:PutTraceSegments *'];
const PIPELINES = ['plain', 'across-bundles', 'from-s3'];
/** Those of new jobs and of jobs that an earlier version recorded. */
const ERRORS = ['*/_errors/errors-*', '*/errors/part-*'];
const RECORDED = ['*/_job.json', '*/job.json', '*/_manifest.json', '*/manifest.json', '*/_SUCCESS'];
const PIPELINE_KEYS = PIPELINES.map((name) => `${name}/*`);

function reading(bucket: string, ...keys: readonly string[]): readonly string[] {
  return keys.map((pattern) => `s3:GetObject <${bucket}>/${pattern}`);
}

function readingVersions(...keys: readonly string[]): readonly string[] {
  return [...reading('FabricInput', ...keys), ...keys.map((pattern) => `s3:GetObjectVersion <FabricInput>/${pattern}`)];
}

function writing(...keys: readonly string[]): readonly string[] {
  const actions = ['PutObject', 'AbortMultipartUpload'];
  return actions.flatMap((action) => keys.map((pattern) => `s3:${action} <FabricOutput>/${pattern}`));
}

function removing(...keys: readonly string[]): readonly string[] {
  return keys.map((pattern) => `s3:DeleteObject <FabricOutput>/${pattern}`);
}

function listing(bucket: string, ...keys: readonly string[]): readonly string[] {
  return keys.map((pattern) => `s3:ListBucket <${bucket}>/${pattern}`);
}

function taking(queue: string): readonly string[] {
  const actions = ['ChangeMessageVisibility', 'DeleteMessage', 'GetQueueAttributes', 'ReceiveMessage'];
  return actions.map((action) => `sqs:${action} <${queue}>`);
}

function sending(...queues: readonly string[]): readonly string[] {
  return queues.map((queue) => `sqs:SendMessage <${queue}>`);
}

function logging(construct: string): readonly string[] {
  return LOGS.map((action) => `${action} <${construct}Logs>`);
}

describe('the roles of an InferenceFabric', () => {
  test('have no wildcard but those that are argued for', () => {
    const wildcards = permissionsOf(template, /./).filter((permission) => permission.includes('*'));
    expect(wildcards.filter((permission) => !ARGUED.some((argued) => argued.test(permission)))).toEqual([]);
    for (const argued of ARGUED) expect(wildcards.some((permission) => argued.test(permission))).toBe(true);
  });

  test('have no managed policies, and Lambda alone may take them', () => {
    for (const { Properties } of resourcesOf(template, 'AWS::IAM::Role')) {
      expect(Properties).not.toHaveProperty('ManagedPolicyArns');
      expect(JSON.stringify(Properties['AssumeRolePolicyDocument'])).toContain(
        '"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"}',
      );
    }
  });

  test('let intake read input, record and explain, and send to its own, the finalizer’s and the bundle queues', () => {
    expect(permissionsOf(template, /ControlIntakeRole/)).toEqual(
      [
        ...logging('FabricControlIntake'),
        ...TRACES,
        ...readingVersions(...PIPELINE_KEYS),
        ...listing('FabricInput', ...PIPELINE_KEYS),
        ...reading('FabricOutput', '.fabric/*', '_rejected/*', ...RECORDED),
        ...writing('.fabric/*', '_rejected/*', '*/_job.json'),
        ...listing('FabricOutput', '.fabric/*', '_rejected/*', ...PIPELINE_KEYS),
        ...taking('FabricIntakeQueue'),
        ...sending('FabricIntakeQueue', 'FabricFinalizerQueue'),
        ...sending('FabricplainBundlesQueue', 'FabricacrossbundlesBundlesQueue', 'Fabricfroms3BundlesQueue'),
      ].toSorted(),
    );
  });

  test('let a processor reach the keys of its pipeline, and send to its own queue and its failed elements’', () => {
    expect(permissionsOf(template, /plainProcessorRole/)).toEqual(
      [
        ...logging('FabricplainProcessor'),
        ...TRACES,
        ...readingVersions('plain/*'),
        ...listing('FabricInput', 'plain/*'),
        ...reading('FabricOutput', 'plain/*', '.fabric/plain/*'),
        ...writing('plain/*', '.fabric/plain/*'),
        ...removing('plain/*/_errors/errors-*', 'plain/*/errors/part-*', '.fabric/plain/*/last/*'),
        ...listing('FabricOutput', 'plain/*', '.fabric/plain/*'),
        ...taking('FabricplainBundlesQueue'),
        ...sending('FabricplainBundlesQueue', 'FabricplainFailedElements'),
      ].toSorted(),
    );
  });

  test('let the finalizer end jobs, send to its own queue and the failed elements’, and tell the default bus', () => {
    expect(permissionsOf(template, /FinalizerRole/)).toEqual(
      [
        ...logging('FabricControlFinalizer'),
        ...TRACES,
        ...reading('FabricOutput', '.fabric/*', '*/part-*', ...ERRORS, ...RECORDED),
        ...writing('.fabric/*', ...ERRORS, '*/_manifest.json', '*/manifest.json', '*/_SUCCESS'),
        ...removing(...ERRORS),
        ...listing('FabricOutput', '.fabric/*', ...PIPELINE_KEYS),
        ...taking('FabricFinalizerQueue'),
        ...sending('FabricFinalizerQueue', 'FabricplainFailedElements'),
        ...sending('FabricacrossbundlesFailedElements', 'Fabricfroms3FailedElements'),
        'events:PutEvents arn:Partition:events:Region:AccountId:event-bus/default',
      ].toSorted(),
    );
  });

  test('let a processor read the models of its handlers, and do what its pipeline was given leave to', () => {
    const own = permissionsOf(template, /froms3ProcessorRole/);
    expect(own).toEqual(
      expect.arrayContaining([
        's3:GetObject arn:Partition:s3:::models/sentiment/v1.onnx',
        's3:GetObjectVersion arn:Partition:s3:::models/sentiment/v1.onnx',
        's3:GetObject arn:Partition:s3:::models/summary/*',
        's3:ListBucket arn:Partition:s3:::models/sentiment/v1.onnx',
        's3:ListBucket arn:Partition:s3:::models/summary/*',
        'dynamodb:GetItem arn:aws:dynamodb:eu-west-1:123456789012:table/t',
      ]),
    );
    const others = [...permissionsOf(template, /plain|across|Control/)].join('\n');
    expect(others).not.toContain('models');
    expect(others).not.toContain('dynamodb');
  });

  test('let processors and intake read the other input buckets too', () => {
    const { template } = synthesize((others) => ({
      inputBuckets: [s3.Bucket.fromBucketName(others, 'More', 'more-input')],
    }));
    for (const role of [/plainProcessorRole/, /IntakeRole/]) {
      expect(permissionsOf(template, role)).toEqual(
        expect.arrayContaining([
          's3:GetObject arn:Partition:s3:::more-input/plain/*',
          's3:GetObjectVersion arn:Partition:s3:::more-input/plain/*',
          's3:ListBucket arn:Partition:s3:::more-input/plain/*',
        ]),
      );
    }
  });
});
