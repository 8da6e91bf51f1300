import { Match } from 'aws-cdk-lib/assertions';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { describe, expect, test } from 'vitest';
import { type Resource, resourcesOf, synthesize } from './synthesize.ts';
import { bucketsOf, PIPELINES, TLS_ONLY } from './fabric-resources.ts';

const { template } = synthesize();

const DAY_SECS = 24 * 60 * 60;

type QueueProperties = Record<'VisibilityTimeout' | 'MessageRetentionPeriod', number> & {
  readonly RedrivePolicy?: { readonly deadLetterTargetArn: { readonly 'Fn::GetAtt': [string, 'Arn'] } };
};

interface Mapping {
  readonly EventSourceArn: { readonly 'Fn::GetAtt': [string, 'Arn'] };
  readonly FunctionName: { readonly Ref: string };
  readonly MaximumBatchingWindowInSeconds?: number;
}

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
