import { Duration, type Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as s3 from 'aws-cdk-lib/aws-s3';
import * as sns from 'aws-cdk-lib/aws-sns';
import { describe, expect, test } from 'vitest';
import { permissionsOf } from './permissions-of.ts';
import { type Resource, resourcesOf, synthesize } from './synthesize.ts';
import { bucketsOf, environmentOf, functionsOf, PIPELINES } from './fabric-resources.ts';

const { app, template, stack } = synthesize();

function mappingOf(id: RegExp): Readonly<Record<string, unknown>> | undefined {
  return resourcesOf(template, 'AWS::Lambda::EventSourceMapping', id)[0]?.Properties;
}

function keyOf(name: string): string {
  return `arn:aws:kms:eu-west-1:123456789012:key/${name}`;
}

describe('the functions of an InferenceFabric', () => {
  test('run Node 24 on arm64, traced, with logs in JSON that are kept for a month, and may feed their own queues', () => {
    expect(functionsOf(template)).toHaveLength(2 + PIPELINES.length);
    template.allResourcesProperties('AWS::Lambda::Function', {
      Runtime: 'nodejs24.x',
      RecursiveLoop: 'Allow',
      TracingConfig: { Mode: 'Active' },
      LoggingConfig: { LogFormat: 'JSON', LogGroup: { Ref: Match.anyValue() } },
    });
    const architectures = functionsOf(template, /plain|across|Control/).map((it) => it.Properties['Architectures']);
    expect(architectures).toEqual(Array.from({ length: 4 }, () => ['arm64']));
    template.allResourcesProperties('AWS::Logs::LogGroup', { RetentionInDays: 30 });
    template.resourceCountIs('AWS::Logs::LogGroup', 2 + PIPELINES.length);
  });

  test('are as their pipelines want them', () => {
    expect(functionsOf(template, /froms3Processor/)[0]?.Properties).toMatchObject({
      Handler: 'processor.handler',
      MemorySize: 1024,
      Timeout: 900,
      EphemeralStorage: { Size: 4096 },
      Architectures: ['x86_64'],
    });
    expect(functionsOf(template, /acrossbundlesProcessor/)[0]?.Properties).toMatchObject({
      Timeout: 120,
      MemorySize: 2048,
    });
  });

  test('run on x86_64 where the context says so', () => {
    const { template } = synthesize(undefined, { architecture: 'x86_64' });
    template.allResourcesProperties('AWS::Lambda::Function', { Architectures: ['x86_64'] });
  });

  test('know their queues, buckets and pipeline by their environment', () => {
    const variables = functionsOf(template, /plainProcessor/)[0]?.Properties['Environment'];
    expect(variables).toMatchObject({
      Variables: {
        FABRIC_PIPELINE: 'plain',
        FABRIC_CONFIG: 'config/cdk/fixtures/fabric.config.mjs',
        FABRIC_MAX_RECEIVES: '5',
      },
    });
    const names = (id: RegExp): string[] => Object.keys(environmentOf(template, id));
    expect(names(/Intake/)).toEqual([
      'FABRIC_OUTPUT_BUCKET',
      'FABRIC_INPUT_BUCKETS',
      'FABRIC_BUCKET_OWNERS',
      'FABRIC_QUEUES',
      'FABRIC_MAX_RECEIVES',
    ]);
    expect(names(/Finalizer/)).toEqual([
      'FABRIC_OUTPUT_BUCKET',
      'FABRIC_BUCKET_OWNERS',
      'FABRIC_QUEUES',
      'FABRIC_EVENT_BUS',
    ]);
    const queues = JSON.stringify(environmentOf(template, /Intake/)['FABRIC_QUEUES']);
    for (const name of PIPELINES) expect(queues).toContain(`\\"${name}\\":`);
  });

  test('know who owns the buckets of the stack, and of no others but those whose account is given', () => {
    const { template } = synthesize((others) => ({
      inputBuckets: [
        s3.Bucket.fromBucketName(others, 'Imported', 'imported'),
        s3.Bucket.fromBucketAttributes(others, 'Given', { bucketName: 'given', account: '123456789012' }),
        new s3.Bucket(others, 'Made') as s3.IBucket,
      ],
    }));
    for (const id of [/plainProcessor/, /Intake/]) {
      const owners = JSON.stringify(environmentOf(template, id)['FABRIC_BUCKET_OWNERS']);
      expect(owners.match(/"Ref":"AWS::AccountId"/g)).toHaveLength(3);
      expect(owners).toContain(String.raw`\"given\":\"123456789012\"`);
      expect(owners).not.toContain('imported');
    }
    const ofFinalizer = JSON.stringify(environmentOf(template, /Finalizer/)['FABRIC_BUCKET_OWNERS']);
    expect(ofFinalizer).toMatch(/FabricOutput/);
    expect(ofFinalizer).not.toMatch(/FabricInput|given/);
    const { template: imported } = synthesize((others) => ({
      outputBucket: s3.Bucket.fromBucketName(others, 'Results', 'my-results'),
    }));
    expect(environmentOf(imported, /Finalizer/)).not.toHaveProperty('FABRIC_BUCKET_OWNERS');
  });

  test('take one bundle a run, and report each message by itself', () => {
    template.allResourcesProperties('AWS::Lambda::EventSourceMapping', {
      FunctionResponseTypes: ['ReportBatchItemFailures'],
    });
    expect(mappingOf(/plainProcessor/)).toMatchObject({ BatchSize: 1 });
    expect(mappingOf(/plainProcessor/)).not.toHaveProperty('MaximumBatchingWindowInSeconds');
    // It may have had a remote model, and a governor that set less.
    expect(mappingOf(/plainProcessor/)).toMatchObject({ ScalingConfig: { MaximumConcurrency: 100 } });
    expect(mappingOf(/Intake/)).toMatchObject({ BatchSize: 100, MaximumBatchingWindowInSeconds: 1 });
    expect(mappingOf(/Finalizer/)).toMatchObject({ BatchSize: 10 });
  });

  test('take ten bundles a run where batches cross bundles, gathered for the shortest of the durations', () => {
    expect(mappingOf(/acrossbundlesProcessor/)).toMatchObject({
      BatchSize: 10,
      MaximumBatchingWindowInSeconds: 3,
      ScalingConfig: { MaximumConcurrency: 7 },
    });
  });
});

describe('the alarms of an InferenceFabric', () => {
  const alarms = resourcesOf(template, 'AWS::CloudWatch::Alarm').map(({ Properties }) => Properties);

  const watched = (metric: string): unknown[] =>
    alarms.filter(({ MetricName }) => MetricName === metric).map(({ Dimensions }) => Dimensions);

  test('watch every dead-letter queue, and the oldest bundle of every pipeline', () => {
    expect(new Set(watched('ApproximateNumberOfMessagesVisible').map((it) => JSON.stringify(it))).size).toBe(
      2 + 2 * PIPELINES.length,
    );
    expect(watched('ApproximateAgeOfOldestMessage')).toHaveLength(PIPELINES.length);
  });

  test('are described by whole sentences', () => {
    for (const { AlarmDescription } of alarms) expect(AlarmDescription).toMatch(/^[A-Z].+ .+\.$/);
  });

  test('are of plain metrics, and an idle queue is no alarm', () => {
    for (const alarm of alarms) {
      expect(alarm).not.toHaveProperty('Metrics');
      expect(alarm).toMatchObject({ TreatMissingData: 'notBreaching', EvaluationPeriods: 1, Namespace: 'AWS/SQS' });
    }
  });

  test('tell a topic where there is one, and go by the age that was chosen', () => {
    const { template } = synthesize((others) => ({
      alarmTopic: new sns.Topic(others, 'Topic'),
      oldestMessageAge: Duration.hours(2),
    }));
    template.allResourcesProperties('AWS::CloudWatch::Alarm', {
      AlarmActions: [Match.anyValue()],
      OKActions: [Match.anyValue()],
    });
    template.hasResourceProperties('AWS::CloudWatch::Alarm', { Threshold: 7200 });
  });
});

describe('an InferenceFabric', () => {
  test('adds no function of its own but those that it shows: no custom resources', () => {
    const types = Object.values(template.toJSON().Resources as Record<string, Resource>).map(({ Type }) => Type);
    expect(types.filter((type) => /^Custom::|^AWS::CloudFormation::CustomResource/.test(type))).toEqual([]);
    expect(types).toContain('AWS::Lambda::Function');
  });

  test('knows no account and looks nothing up', () => {
    expect(app.synth().manifest.missing).toBeUndefined();
    expect(stack.environment).toBe('aws://unknown-account/unknown-region');
  });

  test('says where files are dropped, results found, and each pipeline reached', () => {
    expect(Object.keys(template.toJSON().Outputs as object)).toEqual([
      'InputBucket',
      'OutputBucket',
      'IntakeQueueUrl',
      'FinalizerQueueUrl',
      'PlainQueueUrl',
      'PlainDeadLettersUrl',
      'AcrossBundlesQueueUrl',
      'AcrossBundlesDeadLettersUrl',
      'FromS3QueueUrl',
      'FromS3DeadLettersUrl',
    ]);
  });

  test('uses a key of the user, which S3 may use for its notifications', () => {
    const { app, template } = synthesize((others) => ({ encryptionKey: new kms.Key(others, 'Key') }));
    template.allResourcesProperties('AWS::SQS::Queue', { KmsMasterKeyId: Match.anyValue() });
    const key = { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: Match.anyValue() };
    template.allResourcesProperties('AWS::S3::Bucket', {
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: key, BucketKeyEnabled: true }],
      },
    });
    for (const { Properties } of resourcesOf(template, 'AWS::IAM::Policy'))
      expect(JSON.stringify(Properties)).toContain('"Action":["kms:Decrypt","kms:GenerateDataKey"]');
    Template.fromStack(app.node.findChild('Others') as Stack).hasResourceProperties('AWS::KMS::Key', {
      KeyPolicy: {
        Statement: Match.arrayWith([
          {
            Effect: 'Allow',
            Principal: { Service: 's3.amazonaws.com' },
            Action: ['kms:GenerateDataKey', 'kms:Decrypt'],
            Resource: '*',
            Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
          },
        ]),
      },
    });
  });

  test('lets each function use the keys of buckets that are there, as far as it works with their objects', () => {
    const { template } = synthesize((others) => {
      const bucketOf = (name: string): s3.IBucket =>
        s3.Bucket.fromBucketAttributes(others, name, {
          bucketName: name,
          encryptionKey: kms.Key.fromKeyArn(others, `${name}-key`, keyOf(name)),
        });
      return { inputBuckets: [bucketOf('more')], outputBucket: bucketOf('results') };
    });
    const more = [`kms:Decrypt ${keyOf('more')}`];
    const results = [`kms:Decrypt ${keyOf('results')}`, `kms:GenerateDataKey ${keyOf('results')}`];
    const keys = (role: RegExp): readonly string[] =>
      permissionsOf(template, role).filter((it) => it.startsWith('kms:'));
    expect(keys(/plainProcessorRole/)).toEqual([...more, ...results]);
    expect(keys(/IntakeRole/)).toEqual([...more, ...results]);
    expect(keys(/FinalizerRole/)).toEqual(results);
  });

  test('takes buckets that are there, and keeps logs for as long as it is told', () => {
    const { template } = synthesize((others) => ({
      outputBucket: s3.Bucket.fromBucketName(others, 'Results', 'my-results'),
      inputBuckets: [s3.Bucket.fromBucketName(others, 'More', 'more-input')],
      accessLogsBucket: new s3.Bucket(others, 'AccessLogs') as s3.IBucket,
      logRetention: logs.RetentionDays.ONE_WEEK,
    }));
    expect(bucketsOf(template)).toHaveLength(1);
    expect(bucketsOf(template)[0]?.Properties).toHaveProperty('LoggingConfiguration');
    template.allResourcesProperties('AWS::Logs::LogGroup', { RetentionInDays: 7 });
    const variables = environmentOf(template, /Intake/);
    expect(JSON.stringify(variables['FABRIC_INPUT_BUCKETS'])).toContain('\\",\\"more-input\\"]');
    expect(variables['FABRIC_OUTPUT_BUCKET']).toBe('my-results');
  });
});
