import { Stack, Validations } from 'aws-cdk-lib';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import type { Construct, IConstruct } from 'constructs';
import type { EndpointPermission } from '../lib/remote/remote-model-handler.ts';

// What cdk-nag's AwsSolutions rules ask for and the fabric does otherwise, each with its reason.

export function acknowledgeMissingAccessLogs(bucket: s3.Bucket, accessLogsBucket: s3.IBucket | undefined): void {
  if (accessLogsBucket !== undefined) return;
  acknowledge(bucket, 'S1', 'Access logs cost storage and are kept where the option accessLogsBucket says so.');
}

export function acknowledgeTracing(role: iam.Role): void {
  acknowledge(role, 'IAM5[Resource::*]', 'X-Ray has no resources that its PutTraceSegments could be restricted to.');
}

/** The element dead-letter queue is fed by the processor itself, which is why no queue names it. */
export function acknowledgeUnnamedDeadLetters(queue: sqs.Queue): void {
  acknowledge(queue, 'SQS3', 'It is a dead-letter queue: the processor sends it the elements that failed.');
}

/** @param buckets - all of whose objects the role may work with */
export function acknowledgeObjects(role: IConstruct, buckets: readonly s3.IBucket[]): void {
  for (const bucket of buckets) {
    acknowledge(role, `IAM5[Resource::${shownArn(bucket)}/*]`, 'Nobody knows the names of dropped files beforehand.');
  }
}

/** @param uris - of the models that the role may read; some end in `/*` */
export function acknowledgeModels(role: IConstruct, uris: readonly string[]): void {
  for (const uri of uris.filter((one) => one.endsWith('*'))) {
    const resource = `arn:<AWS::Partition>:s3:::${uri.replace(/^s3:\/\//, '')}`;
    acknowledge(role, `IAM5[Resource::${resource}]`, 'What a pointer to a model names lies beside it, by any name.');
  }
}

/** @param permissions - of the handlers of remote models, which know neither account nor region. */
export function acknowledgeEndpoints(role: IConstruct, permissions: readonly EndpointPermission[]): void {
  for (const resource of new Set(permissions.flatMap(({ resources }) => resources))) {
    if (!resource.includes('*')) continue;
    acknowledge(role, `IAM5[Resource::${resource}]`, 'It is all that the handler knows of the endpoint that it calls.');
  }
}

/** The governor's. */
export function acknowledgeMetrics(role: IConstruct): void {
  acknowledge(role, 'IAM5[Resource::*]', 'CloudWatch has no resources that GetMetricData could be restricted to.');
}

/** A bucket's ARN as cdk-nag writes it. */
function shownArn(bucket: s3.IBucket): string {
  const stack = Stack.of(bucket);
  const child = bucket.node.defaultChild;
  if (child !== undefined) return `<${stack.getLogicalId(child as s3.CfnBucket)}.Arn>`;
  return String(stack.resolve(bucket.bucketArn));
}

function acknowledge(construct: Construct | IConstruct, rule: string, reason: string): void {
  Validations.of(construct).acknowledge({ id: `AwsSolutions::AwsSolutions-${rule}`, reason });
}
