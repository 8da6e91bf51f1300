import { describe, expect, test } from 'vitest';
import { CONTAINER_SCALING } from '../../lib/config/container-scaling.ts';
import { permissionsOf } from './permissions-of.ts';
import { resourcesOf, synthesize } from './synthesize.ts';
import { main, nested, isolated, propertiesOf } from './container-templates.ts';

function policiesOf(id: RegExp): readonly Readonly<Record<string, unknown>>[] {
  return resourcesOf(nested, 'AWS::ApplicationAutoScaling::ScalingPolicy', id).map(({ Properties }) => Properties);
}

/** Of the alarms by which a service is scaled. */
function expressionsOf(id: RegExp): readonly (readonly string[])[] {
  return resourcesOf(isolated, 'AWS::CloudWatch::Alarm', id).map(({ Properties }) =>
    (Properties['Metrics'] as readonly { readonly Expression?: string }[]).flatMap(
      ({ Expression }) => Expression ?? [],
    ),
  );
}

describe('the scaling of a service', () => {
  test('scales from none, or what was said, to its most', () => {
    expect(propertiesOf('AWS::ApplicationAutoScaling::ScalableTarget', /gpu/)).toMatchObject({
      MinCapacity: 0,
      MaxCapacity: 4,
      ScalableDimension: 'ecs:service:DesiredCount',
    });
    expect(propertiesOf('AWS::ApplicationAutoScaling::ScalableTarget', /group/)).toMatchObject({
      MinCapacity: 1,
      MaxCapacity: 9,
    });
  });

  test('follows the bundles that there are, in steps, and sleeps where there are none', () => {
    expect(policiesOf(/gpu.*FollowBacklog/)[0]).toMatchObject({
      PolicyType: 'StepScaling',
      StepScalingPolicyConfiguration: {
        AdjustmentType: 'ExactCapacity',
        StepAdjustments: [
          { MetricIntervalLowerBound: 0, MetricIntervalUpperBound: 10, ScalingAdjustment: 1 },
          { MetricIntervalLowerBound: 10, MetricIntervalUpperBound: 20, ScalingAdjustment: 2 },
          { MetricIntervalLowerBound: 20, MetricIntervalUpperBound: 30, ScalingAdjustment: 3 },
          { MetricIntervalLowerBound: 30, ScalingAdjustment: 4 },
        ],
      },
    });
    expect(policiesOf(/gpu.*Sleep/)[0]).toMatchObject({
      StepScalingPolicyConfiguration: {
        AdjustmentType: 'ExactCapacity',
        StepAdjustments: [{ MetricIntervalUpperBound: 0, ScalingAdjustment: 0 }],
      },
    });
    expect(policiesOf(/group.*Sleep/)[0]).toMatchObject({
      StepScalingPolicyConfiguration: { StepAdjustments: [{ ScalingAdjustment: 1 }] },
    });
  });

  test('has an alarm for each of its policies', () => {
    const backlog = expect.arrayContaining([expect.objectContaining({ Expression: 'visible + taken' })]);
    expect(propertiesOf('AWS::CloudWatch::Alarm', /gpu.*Backlog/)).toMatchObject({
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
      Threshold: 1,
      EvaluationPeriods: CONTAINER_SCALING.backlogMinutes,
      TreatMissingData: 'notBreaching',
      Metrics: backlog,
      AlarmActions: [{ Ref: expect.stringMatching(/gpu.*FollowBacklog/) }],
    });
    expect(propertiesOf('AWS::CloudWatch::Alarm', /gpu.*Idle/)).toMatchObject({
      ComparisonOperator: 'LessThanOrEqualToThreshold',
      Threshold: 0,
      EvaluationPeriods: CONTAINER_SCALING.idleMinutes,
      TreatMissingData: 'breaching',
      Metrics: backlog,
      AlarmActions: [{ Ref: expect.stringMatching(/gpu.*Sleep/) }],
    });
  });

  test('counts bundles that are held back where a remote model may have them wait, and nowhere else', () => {
    expect(expressionsOf(/remote/)).toEqual([['visible + taken + delayed'], ['visible + taken + delayed']]);
    expect(expressionsOf(/local/)).toEqual([['visible + taken'], ['visible + taken']]);
  });

  test('has its queue looked at within the six hours after which it would have no metrics', () => {
    const rule = propertiesOf('AWS::Events::Rule', /QueueLooks/, main);
    expect(rule['ScheduleExpression']).toBe(`rate(${CONTAINER_SCALING.lookHours} hours)`);
    expect(CONTAINER_SCALING.lookHours).toBeLessThan(6);
    expect(JSON.stringify(rule['Targets'])).toMatch(/lookAt.*gpuBundles/);
    expect(permissionsOf(main, /IntakeRole/).join()).toMatch(/sqs:GetQueueAttributes <Fabricgpu/);
    expect(resourcesOf(synthesize().template, 'AWS::Events::Rule', /QueueLooks/)).toEqual([]);
  });
});
