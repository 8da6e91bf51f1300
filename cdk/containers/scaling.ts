import { Duration } from 'aws-cdk-lib';
import * as appscaling from 'aws-cdk-lib/aws-applicationautoscaling';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as ecs from 'aws-cdk-lib/aws-ecs';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { ContainerCompute } from '../../lib/config/compute.ts';
import { CONTAINER_SCALING } from '../../lib/config/container-scaling.ts';

export interface TaskScalingProps {
  readonly cluster: ecs.Cluster;
  readonly service: ecs.CfnService;
  readonly bundleQueue: sqs.IQueue;
  readonly compute: ContainerCompute;
}

const VISIBLE = 'ApproximateNumberOfMessagesVisible';
const TAKEN = 'ApproximateNumberOfMessagesNotVisible';
/** As often as SQS and ECS tell CloudWatch of themselves. */
const PERIOD = Duration.minutes(1);

/**
 * As many tasks as the backlog asks for. While there are tasks, their number follows the bundles that there are for
 * each (target tracking). That says nothing where there is no task: the first one comes when bundles wait and none is being
 * worked on, and all go when there has been no bundle for a while. A task at work protects itself.
 */
export class TaskScaling extends Construct {
  readonly #props: TaskScalingProps;
  readonly #target: appscaling.CfnScalableTarget;

  constructor(scope: Construct, id: string, props: TaskScalingProps) {
    super(scope, id);
    this.#props = props;
    const { cluster, service, compute } = props;
    // Without a role it is the one that is linked to the service.
    this.#target = new appscaling.CfnScalableTarget(this, 'Tasks', {
      serviceNamespace: appscaling.ServiceNamespace.ECS,
      scalableDimension: 'ecs:service:DesiredCount',
      resourceId: `service/${cluster.clusterName}/${service.attrName}`,
      minCapacity: compute.minTasks,
      maxCapacity: compute.maxTasks,
    });
    this.#followBacklog();
    this.#wake();
    this.#sleep();
  }

  #followBacklog(): void {
    const { cluster, service, bundleQueue, compute } = this.#props;
    const ofQueue = (metricName: string): appscaling.CfnScalingPolicy.TargetTrackingMetricProperty => ({
      namespace: 'AWS/SQS',
      metricName,
      dimensions: [{ name: 'QueueName', value: bundleQueue.queueName }],
    });
    // Each running task gives a sample a minute, and unlike Container Insights' count of them it is free:
    // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cloudwatch-metrics.html (RUNNING task count).
    const utilization = {
      namespace: 'AWS/ECS',
      metricName: 'CPUUtilization',
      dimensions: [
        { name: 'ClusterName', value: cluster.clusterName },
        { name: 'ServiceName', value: service.attrName },
      ],
    };
    this.#policy('FollowBacklog', {
      policyType: 'TargetTrackingScaling',
      targetTrackingScalingPolicyConfiguration: {
        targetValue: compute.backlogPerTask,
        scaleOutCooldown: CONTAINER_SCALING.scaleOutCooldownSecs,
        scaleInCooldown: CONTAINER_SCALING.scaleInCooldownSecs,
        customizedMetricSpecification: {
          metrics: [
            { id: 'visible', metricStat: { metric: ofQueue(VISIBLE), stat: 'Maximum' }, returnData: false },
            { id: 'taken', metricStat: { metric: ofQueue(TAKEN), stat: 'Maximum' }, returnData: false },
            { id: 'tasks', metricStat: { metric: utilization, stat: 'SampleCount' }, returnData: false },
            { id: 'backlog', expression: '(visible + taken) / tasks', returnData: true },
          ],
        },
      },
    });
  }

  /** From no task to one, and where all there are take nothing. */
  #wake(): void {
    const policy = this.#policy('Wake', {
      policyType: 'StepScaling',
      stepScalingPolicyConfiguration: {
        adjustmentType: appscaling.AdjustmentType.CHANGE_IN_CAPACITY,
        metricAggregationType: 'Maximum',
        cooldown: CONTAINER_SCALING.wakeCooldownSecs,
        stepAdjustments: [{ metricIntervalLowerBound: 0, scalingAdjustment: 1 }],
      },
    });
    this.#alarm('Waiting', policy, {
      expression: 'IF(visible > 0 AND taken < 1, 1, 0)',
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      threshold: 1,
      evaluationPeriods: 1,
      alarmDescription: 'Bundles wait, and none is being worked on.',
      // A queue that has been idle for hours has no metrics.
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
    });
  }

  #sleep(): void {
    const policy = this.#policy('Sleep', {
      policyType: 'StepScaling',
      stepScalingPolicyConfiguration: {
        adjustmentType: appscaling.AdjustmentType.EXACT_CAPACITY,
        metricAggregationType: 'Maximum',
        cooldown: PERIOD.toSeconds(),
        stepAdjustments: [{ metricIntervalUpperBound: 0, scalingAdjustment: this.#props.compute.minTasks }],
      },
    });
    this.#alarm('Idle', policy, {
      expression: 'visible + taken',
      comparisonOperator: cloudwatch.ComparisonOperator.LESS_THAN_OR_EQUAL_TO_THRESHOLD,
      threshold: 0,
      evaluationPeriods: CONTAINER_SCALING.idleMinutes,
      alarmDescription: `There has been no bundle for ${CONTAINER_SCALING.idleMinutes} minutes. At rest this is as it should be.`,
      treatMissingData: cloudwatch.TreatMissingData.BREACHING,
    });
  }

  #policy(
    id: string,
    props: Omit<appscaling.CfnScalingPolicyProps, 'policyName' | 'scalingTargetId'>,
  ): appscaling.CfnScalingPolicy {
    return new appscaling.CfnScalingPolicy(this, id, { ...props, policyName: id, scalingTargetId: this.#target.ref });
  }

  #alarm(
    id: string,
    policy: appscaling.CfnScalingPolicy,
    { expression, ...props }: Omit<cloudwatch.AlarmProps, 'metric'> & { readonly expression: string },
  ): void {
    const { bundleQueue } = this.#props;
    const of = { period: PERIOD, statistic: 'Maximum' };
    const metric = new cloudwatch.MathExpression({
      expression,
      period: PERIOD,
      usingMetrics: {
        visible: bundleQueue.metricApproximateNumberOfMessagesVisible(of),
        taken: bundleQueue.metricApproximateNumberOfMessagesNotVisible(of),
      },
    });
    const alarm = new cloudwatch.Alarm(this, id, { ...props, metric });
    alarm.addAlarmAction({ bind: () => ({ alarmActionArn: policy.ref }) });
  }
}
