import { Names, Stack, Validations } from 'aws-cdk-lib';
import type * as ecs from 'aws-cdk-lib/aws-ecs';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import type { Construct, IConstruct } from 'constructs';
import type { BucketKeys } from './permissions.ts';
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

/** @param places - the objects that the role reaches */
export function acknowledgeObjects(role: IConstruct, places: readonly BucketKeys[]): void {
  for (const { bucket, keys } of places) {
    for (const pattern of keys) {
      const resource = `${shownArn(bucket, role)}/${pattern}`;
      acknowledge(role, `IAM5[Resource::${resource}]`, 'The names of dropped files are not known beforehand.');
    }
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

/** The governor's, where services are governed. It has one entry for all that it may do on any resource. */
export function acknowledgeScalableTargets(role: IConstruct): void {
  acknowledge(
    role,
    'IAM5[Resource::*]',
    'CloudWatch has no resources that GetMetricData could be restricted to, and the ids of scalable targets are not known beforehand: who changes one needs leave for its service, which is by name.',
  );
}

export function acknowledgeNoFlowLogs(vpc: IConstruct): void {
  acknowledge(vpc, 'VPC7', 'Nothing gets into the network, and flow logs are paid for by the GB.');
}

/** Container Insights counts tasks, and so does a metric that is free. */
export function acknowledgeNoContainerInsights(cluster: IConstruct): void {
  acknowledge(cluster, 'ECS4', 'Container Insights are paid for at rest too; the free metrics are enough to scale by.');
}

/** The task definition's. */
export function acknowledgeEnvironment(task: IConstruct): void {
  acknowledge(task, 'ECS2', 'The environment names queues and buckets of the stack, and no secret.');
}

/** @param cluster - as cdk-nag writes it in ARNs. */
export function acknowledgeOwnTasks(role: IConstruct, cluster: ecs.Cluster): void {
  const resource = `arn:<AWS::Partition>:ecs:<AWS::Region>:<AWS::AccountId>:task/${shownRef(cluster)}/*`;
  acknowledge(role, `IAM5[Resource::${resource}]`, 'A task protects itself, and nobody knows its id beforehand.');
}

export function acknowledgeImagePulls(role: IConstruct): void {
  acknowledge(role, 'IAM5[Resource::*]', 'ECR has no resources that GetAuthorizationToken could be restricted to.');
}

export function acknowledgeManagedInstances(provider: ecs.ManagedInstancesCapacityProvider): void {
  const policy = 'service-role/AmazonECSInfrastructureRolePolicyForManagedInstances';
  const reason = 'It is what AWS lets ECS do to run its managed instances, and follows what ECS needs.';
  for (const name of [policy, policy.slice('service-role/'.length)])
    acknowledge(provider, `IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/${name}]`, reason);
  acknowledgeAgent(provider);
}

export function acknowledgeInstanceRole(role: IConstruct): void {
  acknowledgeAgent(role);
  acknowledge(role, 'IAM5[Action::ecs:Submit*]', 'The ECS agent tells ECS of its containers, tasks and attachments.');
}

export function acknowledgeAutoScalingGroup(group: IConstruct): void {
  acknowledge(group, 'EC26', 'The rule can not read launch templates; theirs has encrypted volumes alone.');
  acknowledge(group, 'AS3', 'ECS scales the group time after time; nobody wants to be told of it.');
}

/** The role of instances, with which the ECS agent tells ECS of itself. */
function acknowledgeAgent(construct: IConstruct): void {
  const reason = 'The ECS agent registers its own instance, whose id nobody knows beforehand.';
  const instances = 'arn:<AWS::Partition>:ecs:<AWS::Region>:<AWS::AccountId>:container-instance/*';
  for (const resource of ['*', instances]) acknowledge(construct, `IAM5[Resource::${resource}]`, reason);
}

function shownRef(construct: ecs.Cluster): string {
  const child = construct.node.defaultChild;
  return `<${Stack.of(construct).getLogicalId(child as ecs.CfnCluster)}>`;
}

/** A bucket's ARN as cdk-nag writes it where a role has it. */
function shownArn(bucket: s3.IBucket, role: IConstruct): string {
  const stack = Stack.of(bucket);
  const child = bucket.node.defaultChild;
  if (child === undefined) return String(stack.resolve(bucket.bucketArn));
  // A nested stack is given it as a parameter, which is called after what it stands for.
  if (Stack.of(role).nested) return `<referenceto${Names.nodeUniqueId(child.node)}Arn>`;
  return `<${stack.getLogicalId(child as s3.CfnBucket)}.Arn>`;
}

function acknowledge(construct: Construct | IConstruct, rule: string, reason: string): void {
  Validations.of(construct).acknowledge({ id: `AwsSolutions::AwsSolutions-${rule}`, reason });
}
