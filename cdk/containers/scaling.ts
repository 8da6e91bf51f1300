import { Duration } from 'aws-cdk-lib';
import * as appscaling from 'aws-cdk-lib/aws-applicationautoscaling';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as ecs from 'aws-cdk-lib/aws-ecs';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { ContainerCompute } from '../../lib/config/compute.ts';
import { type BacklogStep, backlogSteps, CONTAINER_SCALING } from '../../lib/config/container-scaling.ts';

/** Properties of the scaling of one service. */
export interface TaskScalingProps {
  /** Cluster of the service. */
  readonly cluster: ecs.Cluster;
  /** Service to scale. */
  readonly service: ecs.CfnService;
  /** Queue whose backlog the tasks follow. */
  readonly bundleQueue: sqs.IQueue;
  /** Compute options of the pipeline. */
  readonly compute: ContainerCompute;
  /** True if a governor sets the maximum number of tasks. */
  readonly isGoverned: boolean;
}

/** Interval of SQS's metrics in CloudWatch. */
const PERIOD = Duration.minutes(1);
/** Minimum number of bundles that starts a task. */
const THRESHOLD = 1;

/**
 * Scales the tasks of a service with its backlog, in steps of `backlogPerTask` bundles that wait or are in flight. All tasks stop
 * when there has been no bundle for a while. A busy task protects itself.
 */
export class TaskScaling extends Construct {
  readonly #props: TaskScalingProps;
  readonly #target: appscaling.CfnScalableTarget;

  constructor(scope: Construct, id: string, props: TaskScalingProps) {
    super(scope, id);
    this.#props = props;
    const { cluster, service, compute, isGoverned } = props;
    // Without a role the service-linked role is used.
    this.#target = new appscaling.CfnScalableTarget(this, 'Tasks', {
      serviceNamespace: appscaling.ServiceNamespace.ECS,
      scalableDimension: 'ecs:service:DesiredCount',
      resourceId: `service/${cluster.clusterName}/${service.attrName}`,
      minCapacity: compute.minTasks,
      // A governor's value survives deployments, as CloudFormation does not update properties that are the same as before. The
      // template has the minimum, so that `maxTasks` differs from it and applies when the pipeline no longer has a governor.
      maxCapacity: isGoverned ? Math.max(1, compute.minTasks) : compute.maxTasks,
    });
    this.#followBacklog();
    this.#stopWhenIdle();
  }

  #followBacklog(): void {
    const { compute } = this.#props;
    const { backlogMinutes, cooldownSecs } = CONTAINER_SCALING;
    const steps = backlogSteps(compute);
    const policy = this.#policy('FollowBacklog', {
      policyType: 'StepScaling',
      stepScalingPolicyConfiguration: {
        adjustmentType: appscaling.AdjustmentType.EXACT_CAPACITY,
        // The maximum of the alarm's datapoints: tasks are removed only if all datapoints agree.
        metricAggregationType: 'Maximum',
        cooldown: cooldownSecs,
        stepAdjustments: steps.map((step, index) => adjustment(step, steps[index + 1])),
      },
    });
    this.#alarm('Backlog', policy, {
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      threshold: THRESHOLD,
      evaluationPeriods: backlogMinutes,
      alarmDescription: 'The queue has bundles. This alarm starts tasks; it is not a failure.',
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
    });
  }

  #stopWhenIdle(): void {
    const policy = this.#policy('Sleep', {
      policyType: 'StepScaling',
      stepScalingPolicyConfiguration: {
        adjustmentType: appscaling.AdjustmentType.EXACT_CAPACITY,
        metricAggregationType: 'Maximum',
        cooldown: CONTAINER_SCALING.cooldownSecs,
        stepAdjustments: [{ metricIntervalUpperBound: 0, scalingAdjustment: this.#props.compute.minTasks }],
      },
    });
    this.#alarm('Idle', policy, {
      comparisonOperator: cloudwatch.ComparisonOperator.LESS_THAN_OR_EQUAL_TO_THRESHOLD,
      threshold: 0,
      evaluationPeriods: CONTAINER_SCALING.idleMinutes,
      alarmDescription: `The queue has had no bundles for ${CONTAINER_SCALING.idleMinutes} minutes. This alarm stops tasks; it is not a failure.`,
      treatMissingData: cloudwatch.TreatMissingData.BREACHING,
    });
  }

  #policy(
    id: string,
    props: Omit<appscaling.CfnScalingPolicyProps, 'policyName' | 'scalingTargetId'>,
  ): appscaling.CfnScalingPolicy {
    return new appscaling.CfnScalingPolicy(this, id, { ...props, policyName: id, scalingTargetId: this.#target.ref });
  }

  #alarm(id: string, policy: appscaling.CfnScalingPolicy, props: Omit<cloudwatch.AlarmProps, 'metric'>): void {
    const usingMetrics = this.#bundles();
    const expression = Object.keys(usingMetrics).join(' + ');
    const metric = new cloudwatch.MathExpression({ expression, period: PERIOD, usingMetrics });
    const alarm = new cloudwatch.Alarm(this, id, { ...props, metric });
    alarm.addAlarmAction({ bind: () => ({ alarmActionArn: policy.ref }) });
  }

  /**
   * Returns the numbers of bundles to add up. Delayed ones count with a governor: throttled bundles wait for up to 15 minutes,
   * and to stop their task and start another one costs about as much and takes longer.
   */
  #bundles(): Record<string, cloudwatch.IMetric> {
    const { bundleQueue, isGoverned } = this.#props;
    const of = { period: PERIOD, statistic: 'Maximum' };
    return {
      visible: bundleQueue.metricApproximateNumberOfMessagesVisible(of),
      taken: bundleQueue.metricApproximateNumberOfMessagesNotVisible(of),
      ...(isGoverned && { delayed: bundleQueue.metricApproximateNumberOfMessagesDelayed(of) }),
    };
  }
}

/** Returns the adjustment of a step; its interval is relative to the alarm's threshold. */
function adjustment(
  { fromBundles, tasks }: BacklogStep,
  next: BacklogStep | undefined,
): appscaling.CfnScalingPolicy.StepAdjustmentProperty {
  return {
    metricIntervalLowerBound: fromBundles - THRESHOLD,
    ...(next !== undefined && { metricIntervalUpperBound: next.fromBundles - THRESHOLD }),
    scalingAdjustment: tasks,
  };
}
