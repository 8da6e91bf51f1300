import { Duration } from 'aws-cdk-lib';
import * as appscaling from 'aws-cdk-lib/aws-applicationautoscaling';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as ecs from 'aws-cdk-lib/aws-ecs';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { ContainerCompute } from '../../lib/config/compute.ts';
import { type BacklogStep, backlogSteps, CONTAINER_SCALING } from '../../lib/config/container-scaling.ts';

export interface TaskScalingProps {
  readonly cluster: ecs.Cluster;
  readonly service: ecs.CfnService;
  readonly bundleQueue: sqs.IQueue;
  readonly compute: ContainerCompute;
  /** Whether a governor sets the most tasks. */
  readonly isGoverned: boolean;
}

/** As often as SQS tells CloudWatch of itself. */
const PERIOD = Duration.minutes(1);
/** Bundles from which on there are tasks. */
const THRESHOLD = 1;

/**
 * As many tasks as the backlog asks for, in steps: a task for each so many bundles that wait or are at work, none being
 * there or many. All go when there has been no bundle for a while. A task at work protects itself.
 */
export class TaskScaling extends Construct {
  readonly #props: TaskScalingProps;
  readonly #target: appscaling.CfnScalableTarget;

  constructor(scope: Construct, id: string, props: TaskScalingProps) {
    super(scope, id);
    this.#props = props;
    const { cluster, service, compute, isGoverned } = props;
    // Without a role it is the one that is linked to the service.
    this.#target = new appscaling.CfnScalableTarget(this, 'Tasks', {
      serviceNamespace: appscaling.ServiceNamespace.ECS,
      scalableDimension: 'ecs:service:DesiredCount',
      resourceId: `service/${cluster.clusterName}/${service.attrName}`,
      minCapacity: compute.minTasks,
      // What a governor sets stays, as CloudFormation changes nothing where the template says the same as before. It is the
      // least that can be set, so that a pipeline that has no governor any more is given all its tasks.
      maxCapacity: isGoverned ? Math.max(1, compute.minTasks) : compute.maxTasks,
    });
    this.#followBacklog();
    this.#sleep();
  }

  #followBacklog(): void {
    const { compute } = this.#props;
    const { backlogMinutes, cooldownSecs } = CONTAINER_SCALING;
    const steps = backlogSteps(compute);
    const policy = this.#policy('FollowBacklog', {
      policyType: 'StepScaling',
      stepScalingPolicyConfiguration: {
        adjustmentType: appscaling.AdjustmentType.EXACT_CAPACITY,
        // Of the datapoints that the alarm sounds for: there are fewer tasks when each of them says so.
        metricAggregationType: 'Maximum',
        cooldown: cooldownSecs,
        stepAdjustments: steps.map((step, index) => adjustment(step, steps[index + 1])),
      },
    });
    this.#alarm('Backlog', policy, {
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      threshold: THRESHOLD,
      evaluationPeriods: backlogMinutes,
      alarmDescription: 'There are bundles. At work this is as it should be.',
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
    });
  }

  #sleep(): void {
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

  #alarm(id: string, policy: appscaling.CfnScalingPolicy, props: Omit<cloudwatch.AlarmProps, 'metric'>): void {
    const usingMetrics = this.#bundles();
    const expression = Object.keys(usingMetrics).join(' + ');
    const metric = new cloudwatch.MathExpression({ expression, period: PERIOD, usingMetrics });
    const alarm = new cloudwatch.Alarm(this, id, { ...props, metric });
    alarm.addAlarmAction({ bind: () => ({ alarmActionArn: policy.ref }) });
  }

  /**
   * A throttled bundle of a remote model is held back, for 15 minutes at most. To end its task and to start another one costs
   * about as much, and takes longer.
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

/** Its interval counts from the alarm's threshold on. */
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
