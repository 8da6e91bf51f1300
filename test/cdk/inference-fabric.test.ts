import { Duration, type Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as s3 from 'aws-cdk-lib/aws-s3';
import * as sns from 'aws-cdk-lib/aws-sns';
import { describe, expect, test } from 'vitest';
import { permissionsOf } from './permissions-of.ts';
import { type Resource, resourcesOf, synthesize } from './synthesize.ts';

const { app, template, stack } = synthesize();
const PIPELINES = ['plain', 'across-bundles', 'from-s3'];
const DAY_SECS = 24 * 60 * 60;

type QueueProperties = Record<'VisibilityTimeout' | 'MessageRetentionPeriod', number> & {
  readonly RedrivePolicy?: { readonly deadLetterTargetArn: { readonly 'Fn::GetAtt': [string, 'Arn'] } };
};

interface Mapping {
  readonly EventSourceArn: { readonly 'Fn::GetAtt': [string, 'Arn'] };
  readonly FunctionName: { readonly Ref: string };
  readonly MaximumBatchingWindowInSeconds?: number;
}

function functionsOf(template: Template, id = /./): readonly Resource[] {
  return resourcesOf(template, 'AWS::Lambda::Function', id);
}

function environmentOf(template: Template, id: RegExp): Readonly<Record<string, unknown>> {
  const environment = functionsOf(template, id)[0]?.Properties['Environment'] as { Variables: Record<string, unknown> };
  return environment.Variables;
}

function mappingOf(id: RegExp): Readonly<Record<string, unknown>> | undefined {
  return resourcesOf(template, 'AWS::Lambda::EventSourceMapping', id)[0]?.Properties;
}

function bucketsOf(template: Template): readonly Resource[] {
  return resourcesOf(template, 'AWS::S3::Bucket');
}

function keyOf(name: string): string {
  return `arn:aws:kms:eu-west-1:123456789012:key/${name}`;
}

/** How each resource of a type that has a resource policy refuses plain HTTP. */
const TLS_ONLY = Match.objectLike({
  Statement: Match.arrayWith([
    Match.objectLike({
      Effect: 'Deny',
      Principal: { AWS: '*' },
      Condition: { Bool: { 'aws:SecureTransport': 'false' } },
    }),
  ]),
});

describe('the queues of an InferenceFabric', () => {
  const queues = template.findResources('AWS::SQS::Queue') as Record<string, { Properties: QueueProperties }>;
  const sources = Object.entries(queues).filter(([, { Properties }]) => Properties.RedrivePolicy !== undefined);

  test('are a work queue with a dead-letter queue for intake, the finalizer and each pipeline, and one of elements', () => {
    expect(sources).toHaveLength(2 + PIPELINES.length);
    expect(Object.keys(queues)).toHaveLength(2 * sources.length + PIPELINES.length);
  });

  test.each(sources)(
    '%s gives a message to its own dead-letter queue after five receives, which keeps it longer',
    (id, { Properties }) => {
      expect(Properties.RedrivePolicy).toMatchObject({ maxReceiveCount: 5 });
      const target = Properties.RedrivePolicy?.deadLetterTargetArn['Fn::GetAtt'][0] ?? '';
      // Their construct's, of which one is `Queue` and the other `DeadLetters`.
      const construct = id.replace(/Queue[0-9A-F]{8}$/, '');
      expect(target).toMatch(new RegExp(`^${construct}(Queue)?DeadLetters[0-9A-F]{8}$`));
      expect(Properties.MessageRetentionPeriod).toBe(4 * DAY_SECS);
      expect(queues[target]?.Properties.MessageRetentionPeriod).toBe(14 * DAY_SECS);
    },
  );

  test('hide a message for at least six runs of the function that takes it, and its wait before', () => {
    const mappings = resourcesOf(template, 'AWS::Lambda::EventSourceMapping');
    expect(mappings).toHaveLength(sources.length);
    const resources = template.toJSON().Resources as Record<string, Resource>;
    for (const { Properties } of mappings) {
      const mapping = Properties as unknown as Mapping;
      const timeout = Number(resources[mapping.FunctionName.Ref]?.Properties['Timeout']);
      const visibility = queues[mapping.EventSourceArn['Fn::GetAtt'][0]]?.Properties.VisibilityTimeout;
      expect(visibility).toBeGreaterThanOrEqual(6 * timeout + (mapping.MaximumBatchingWindowInSeconds ?? 0));
    }
  });

  test('are encrypted and take TLS only', () => {
    template.allResourcesProperties('AWS::SQS::Queue', { SqsManagedSseEnabled: true });
    template.allResourcesProperties('AWS::SQS::QueuePolicy', { PolicyDocument: TLS_ONLY });
    // The intake queue's is set again once the bucket is there.
    template.resourceCountIs('AWS::SQS::QueuePolicy', Object.keys(queues).length + 1);
  });

  test('let their own queue alone move messages to a dead-letter queue, and none to that of failed elements', () => {
    const resources = template.toJSON().Resources as Record<string, Resource>;
    for (const [, { Properties }] of sources) {
      const { QueueName: name } = Properties as unknown as { readonly QueueName: string };
      const target = resources[Properties.RedrivePolicy?.deadLetterTargetArn['Fn::GetAtt'][0] ?? ''];
      const place = [{ Ref: 'AWS::Partition' }, ':sqs:', { Ref: 'AWS::Region' }, ':', { Ref: 'AWS::AccountId' }];
      expect(name.length).toBeLessThanOrEqual(80);
      expect(target?.Properties['RedriveAllowPolicy']).toEqual({
        redrivePermission: 'byQueue',
        sourceQueueArns: [{ 'Fn::Join': ['', ['arn:', ...place, `:${name}`]] }],
      });
    }
    const elements = resourcesOf(template, 'AWS::SQS::Queue', /FailedElements/);
    expect(elements).toHaveLength(PIPELINES.length);
    for (const { Properties } of elements)
      expect(Properties['RedriveAllowPolicy']).toEqual({ redrivePermission: 'denyAll' });
  });
});

describe('the buckets of an InferenceFabric', () => {
  test('are private, encrypted, TLS only, and kept when the stack is destroyed', () => {
    expect(bucketsOf(template)).toHaveLength(2);
    for (const { DeletionPolicy, UpdateReplacePolicy } of bucketsOf(template))
      expect([DeletionPolicy, UpdateReplacePolicy]).toEqual(['RetainExceptOnCreate', 'Retain']);
    template.allResourcesProperties('AWS::S3::Bucket', {
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
      },
      OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
    });
    template.resourceCountIs('AWS::S3::BucketPolicy', 2);
    template.allResourcesProperties('AWS::S3::BucketPolicy', { PolicyDocument: TLS_ONLY });
  });

  test('drop staging after 30 days and broken-off uploads after 7; nothing else ever expires', () => {
    const abandoned = { AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 }, Status: 'Enabled' };
    const staging = { ExpirationInDays: 30, Prefix: '.fabric/', Status: 'Enabled' };
    const rules = bucketsOf(template).map(({ Properties }) => Properties['LifecycleConfiguration']);
    expect(rules).toEqual([{ Rules: [abandoned] }, { Rules: [abandoned, staging] }]);
  });

  test('version input, and tell the intake queue of what is created there, by their own property', () => {
    const [input, output] = bucketsOf(template);
    const queue = Object.keys(template.findResources('AWS::SQS::Queue')).find((id) =>
      /IntakeQueue[0-9A-F]{8}$/.test(id),
    );
    expect(input?.Properties).toMatchObject({
      VersioningConfiguration: { Status: 'Enabled' },
      NotificationConfiguration: {
        QueueConfigurations: [{ Event: 's3:ObjectCreated:*', Queue: { 'Fn::GetAtt': [queue, 'Arn'] } }],
      },
    });
    expect(output?.Properties['NotificationConfiguration']).toBeUndefined();
    const policies = template.findResources('AWS::SQS::QueuePolicy', { Properties: { Queues: [{ Ref: queue }] } });
    const [first, second] = Object.keys(policies);
    expect(input?.DependsOn).toEqual([first]);
    expect(policies[second ?? '']?.['DependsOn']).toEqual([expect.stringMatching(/^FabricInput[0-9A-F]{8}$/)]);
    template.hasResourceProperties('AWS::SQS::QueuePolicy', {
      Queues: [{ Ref: queue }],
      PolicyDocument: {
        Statement: Match.arrayWith([
          {
            Effect: 'Allow',
            Principal: { Service: 's3.amazonaws.com' },
            Action: 'sqs:SendMessage',
            Resource: { 'Fn::GetAtt': [queue, 'Arn'] },
            Condition: {
              StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } },
              ArnLike: { 'aws:SourceArn': { 'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, ':s3:::*']] } },
            },
          },
        ]),
      },
    });
  });

  test('alone may tell the intake queue of objects, and other input buckets, once they are there', () => {
    const { template } = synthesize((others) => ({
      inputBuckets: [s3.Bucket.fromBucketName(others, 'More', 'more-input')],
    }));
    template.hasResource('AWS::SQS::QueuePolicy', {
      DependsOn: [Match.stringLikeRegexp('^FabricInput[0-9A-F]{8}$')],
      Properties: {
        PolicyDocument: {
          Statement: [
            Match.objectLike({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
            Match.objectLike({
              Effect: 'Allow',
              Action: 'sqs:SendMessage',
              Condition: {
                StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } },
                ArnEquals: {
                  'aws:SourceArn': [
                    { 'Fn::GetAtt': [Match.stringLikeRegexp('^FabricInput'), 'Arn'] },
                    { 'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, ':s3:::more-input']] },
                  ],
                },
              },
            }),
          ],
        },
      },
    });
  });
});

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
