import { Aws } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import * as sqs from 'aws-cdk-lib/aws-sqs';

/** Properties of the notifications of created objects. */
export interface NotificationProps {
  /** Bucket whose notifications are configured. */
  readonly bucket: s3.Bucket;
  /** Queue that receives the events. */
  readonly queue: sqs.Queue;
  /** Other buckets that can send to the queue. */
  readonly others: readonly s3.IBucket[];
  /** KMS key of the queue. @default - a key of SQS */
  readonly encryptionKey?: kms.IKey | undefined;
}

/**
 * Sends events of created objects to a queue, by a property of the bucket: `addEventNotification` would add a function to set it.
 *
 * S3 sends a test event when the bucket is created, so the queue's policy must exist before the bucket and can't name it: it
 * allows any bucket of the account to send. A second policy, which names the buckets, replaces it after the bucket is created.
 * A queue has one policy, the last one that was set.
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
  // The default child of a `Bucket` is always a `CfnBucket`.
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
