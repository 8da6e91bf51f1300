import { Duration } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { CONTAINER_SCALING } from '../../lib/config/container-scaling.ts';
import { allow } from '../permissions.ts';

export interface QueueLooksProps {
  /** Looks at the queues. */
  readonly intake: lambda.Function;
  readonly queues: readonly sqs.IQueue[];
}

const EVERY = Duration.hours(CONTAINER_SCALING.lookHours);

/** Has intake look at queues that nobody polls, every few hours, so that their metrics never stop: tasks start by them. */
export class QueueLooks extends Construct {
  constructor(scope: Construct, id: string, { intake, queues }: QueueLooksProps) {
    super(scope, id);
    intake.addToRolePolicy(
      allow(
        ['sqs:GetQueueAttributes'],
        queues.map(({ queueArn }) => queueArn),
      ),
    );
    const event = events.RuleTargetInput.fromObject({ lookAt: queues.map(({ queueUrl }) => queueUrl) });
    new events.Rule(this, 'EveryFewHours', {
      description: 'Has intake look at the queues of containers',
      schedule: events.Schedule.rate(EVERY),
      targets: [new LambdaFunction(intake, { event, maxEventAge: EVERY })],
    });
  }
}
