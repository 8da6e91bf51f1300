import { Names, Stack, Validations } from 'aws-cdk-lib';
import type * as ecs from 'aws-cdk-lib/aws-ecs';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import type { Construct, IConstruct } from 'constructs';
import type { BucketKeys } from './permissions.ts';
import type { EndpointPermission } from '../lib/remote/remote-model-handler.ts';

// Acknowledged findings of cdk-nag's AwsSolutions rules, each with its reason.

/** Acknowledges that a bucket has no access logs, unless it has a bucket for them. */
export function acknowledgeMissingAccessLogs(bucket: s3.Bucket, accessLogsBucket: s3.IBucket | undefined): void {
  if (accessLogsBucket !== undefined) return;
  acknowledge(bucket, 'S1', 'Access logs cost storage; the option accessLogsBucket enables them.');
}

/** Acknowledges the role's permission to send traces. */
export function acknowledgeTracing(role: iam.Role): void {
  acknowledge(role, 'IAM5[Resource::*]', 'X-Ray has no resources that its PutTraceSegments could be restricted to.');
}

/** Acknowledges that no queue names the dead-letter queue of elements: the processor sends to it. */
export function acknowledgeUnnamedDeadLetters(queue: sqs.Queue): void {
  acknowledge(queue, 'SQS3', 'It is a dead-letter queue: the processor sends it the elements that failed.');
}

/** Acknowledges wildcards in object keys. @param places - objects that the role can access */
export function acknowledgeObjects(role: IConstruct, places: readonly BucketKeys[]): void {
  for (const { bucket, keys } of places) {
    for (const pattern of keys) {
      const resource = `${shownArn(bucket, role)}/${pattern}`;
      acknowledge(role, `IAM5[Resource::${resource}]`, 'The names of dropped files are unknown at deployment.');
    }
  }
}

/** Acknowledges wildcards in the URIs of models. @param uris - models that the role can read; some end in `/*` */
export function acknowledgeModels(role: IConstruct, uris: readonly string[]): void {
  for (const uri of uris.filter((one) => one.endsWith('*'))) {
    const resource = `arn:<AWS::Partition>:s3:::${uri.replace(/^s3:\/\//, '')}`;
    acknowledge(role, `IAM5[Resource::${resource}]`, 'A pointer can name any model in its own folder.');
  }
}

/** Acknowledges wildcards in the ARNs of endpoints. @param permissions - those of the handlers of remote models */
export function acknowledgeEndpoints(role: IConstruct, permissions: readonly EndpointPermission[]): void {
  for (const resource of new Set(permissions.flatMap(({ resources }) => resources))) {
    if (!resource.includes('*')) continue;
    acknowledge(
      role,
      `IAM5[Resource::${resource}]`,
      'The handler knows neither the account nor the region of its endpoint.',
    );
  }
}

/** Acknowledges that the governor can read all metrics. */
export function acknowledgeMetrics(role: IConstruct): void {
  acknowledge(role, 'IAM5[Resource::*]', 'CloudWatch has no resources that GetMetricData could be restricted to.');
}

/** Acknowledges the same for a governor of services, and access to all scalable targets: a rule has one acknowledgement. */
export function acknowledgeScalableTargets(role: IConstruct): void {
  acknowledge(
    role,
    'IAM5[Resource::*]',
    'CloudWatch has no resources that GetMetricData could be restricted to, and the ids of scalable targets are unknown at deployment. Changing a target requires permission for its service, which is restricted by name.',
  );
}

/** Acknowledges a network without flow logs. */
export function acknowledgeNoFlowLogs(vpc: IConstruct): void {
  acknowledge(vpc, 'VPC7', 'The network has no inbound traffic, and flow logs are billed by the GB.');
}

/** Acknowledges a cluster without Container Insights. */
export function acknowledgeNoContainerInsights(cluster: IConstruct): void {
  acknowledge(cluster, 'ECS4', 'Container Insights are billed even when idle; scaling uses free metrics.');
}

/** Acknowledges the environment variables of a task definition. */
export function acknowledgeEnvironment(task: IConstruct): void {
  acknowledge(task, 'ECS2', 'The environment names queues and buckets of the stack, and no secret.');
}

/** Acknowledges that a task can protect all tasks of its cluster. */
export function acknowledgeOwnTasks(role: IConstruct, cluster: ecs.Cluster): void {
  const resource = `arn:<AWS::Partition>:ecs:<AWS::Region>:<AWS::AccountId>:task/${shownRef(cluster)}/*`;
  acknowledge(role, `IAM5[Resource::${resource}]`, 'A task protects itself, and its id is unknown at deployment.');
}

/** Acknowledges the permission to log in to ECR. */
export function acknowledgeImagePulls(role: IConstruct): void {
  acknowledge(role, 'IAM5[Resource::*]', 'ECR has no resources that GetAuthorizationToken could be restricted to.');
}

/** Acknowledges the managed policy and the permissions of ECS Managed Instances. */
export function acknowledgeManagedInstances(provider: ecs.ManagedInstancesCapacityProvider): void {
  const policy = 'service-role/AmazonECSInfrastructureRolePolicyForManagedInstances';
  const reason = 'AWS maintains this policy for ECS Managed Instances.';
  for (const name of [policy, policy.slice('service-role/'.length)])
    acknowledge(provider, `IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/${name}]`, reason);
  acknowledgeAgent(provider);
}

/** Acknowledges the permissions of the ECS agent in the role of an instance. */
export function acknowledgeInstanceRole(role: IConstruct): void {
  acknowledgeAgent(role);
  acknowledge(role, 'IAM5[Action::ecs:Submit*]', 'The ECS agent reports its containers, tasks and attachments.');
}

/** Acknowledges findings of the group of instances. */
export function acknowledgeAutoScalingGroup(group: IConstruct): void {
  acknowledge(group, 'EC26', 'The rule does not read launch templates; all volumes in the template are encrypted.');
  acknowledge(group, 'AS3', 'ECS scales the group often; notifications would be noise.');
}

/** Acknowledges the permissions with which the ECS agent registers its instance. */
function acknowledgeAgent(construct: IConstruct): void {
  const reason = 'The ECS agent registers its own instance, whose id is unknown at deployment.';
  const instances = 'arn:<AWS::Partition>:ecs:<AWS::Region>:<AWS::AccountId>:container-instance/*';
  for (const resource of ['*', instances]) acknowledge(construct, `IAM5[Resource::${resource}]`, reason);
}

function shownRef(construct: ecs.Cluster): string {
  const child = construct.node.defaultChild;
  return `<${Stack.of(construct).getLogicalId(child as ecs.CfnCluster)}>`;
}

/** Returns the ARN of a bucket as cdk-nag writes it in findings of a role. */
function shownArn(bucket: s3.IBucket, role: IConstruct): string {
  const stack = Stack.of(bucket);
  const child = bucket.node.defaultChild;
  if (child === undefined) return String(stack.resolve(bucket.bucketArn));
  // A nested stack gets the ARN as a parameter, whose name is derived from the bucket.
  if (Stack.of(role).nested) return `<referenceto${Names.nodeUniqueId(child.node)}Arn>`;
  return `<${stack.getLogicalId(child as s3.CfnBucket)}.Arn>`;
}

function acknowledge(construct: Construct | IConstruct, rule: string, reason: string): void {
  Validations.of(construct).acknowledge({ id: `AwsSolutions::AwsSolutions-${rule}`, reason });
}
