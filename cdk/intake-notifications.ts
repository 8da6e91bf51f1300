import { Aws } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import * as sqs from 'aws-cdk-lib/aws-sqs';

export interface NotificationProps {
  readonly bucket: s3.Bucket;
  readonly queue: sqs.Queue;
  /** Other buckets that may send to the queue. */
  readonly others: readonly s3.IBucket[];
  /** The queue's key. @default SQS's own */
  readonly encryptionKey?: kms.IKey | undefined;
}

/**
 * Sends what is created in a bucket to a queue, by the bucket's own property: `addEventNotification` would add a function
 * of CDK's to set it.
 *
 * S3 asks the queue when the bucket is made, so the queue's policy has to be there before and can't name the bucket: it
 * lets any bucket of the account send. A second policy takes its place once the bucket is there, and names the buckets. A
 * queue has one policy, the one that was set last.
 */
export function notifyOfObjects({ bucket, queue, others, encryptionKey }: NotificationProps): void {
  const s3Service = new iam.ServicePrincipal('s3.amazonaws.com');
  const fromThisAccount = { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } };
  const { policyDependable } = queue.addToResourcePolicy(
    new iam.PolicyStatement({
      principals: [s3Service],
      actions: ['sqs:SendMessage'],
      resources: [queue.queueArn],
      conditions: { ...fromThisAccount, ArnLike: { 'aws:SourceArn': `arn:${Aws.PARTITION}:s3:::*` } },
    }),
  );
  encryptionKey?.addToResourcePolicy(
    new iam.PolicyStatement({
      principals: [s3Service],
      actions: ['kms:GenerateDataKey', 'kms:Decrypt'],
      resources: ['*'],
      conditions: fromThisAccount,
    }),
  );
  // The class `Bucket` makes one of these, always.
  const resource = bucket.node.defaultChild as s3.CfnBucket;
  resource.notificationConfiguration = {
    queueConfigurations: [{ event: 's3:ObjectCreated:*', queue: queue.queueArn }],
  };
  if (policyDependable !== undefined) resource.node.addDependency(policyDependable);
  const buckets = [bucket, ...others].map(({ bucketArn }) => bucketArn);
  new sqs.CfnQueuePolicy(queue, 'SendersPolicy', {
    queues: [queue.queueUrl],
    policyDocument: new iam.PolicyDocument({
      statements: [
        new iam.PolicyStatement({
          effect: iam.Effect.DENY,
          principals: [new iam.AnyPrincipal()],
          actions: ['sqs:*'],
          resources: [queue.queueArn],
          conditions: { Bool: { 'aws:SecureTransport': 'false' } },
        }),
        new iam.PolicyStatement({
          principals: [s3Service],
          actions: ['sqs:SendMessage'],
          resources: [queue.queueArn],
          conditions: { ...fromThisAccount, ArnEquals: { 'aws:SourceArn': buckets } },
        }),
      ],
    }),
  }).node.addDependency(resource);
}
