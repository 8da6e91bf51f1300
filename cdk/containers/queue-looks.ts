import { Duration } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { CONTAINER_SCALING } from '../../lib/config/container-scaling.ts';
import { allow } from '../permissions.ts';

/** Properties of the schedule. */
export interface QueueLooksProps {
  /** Function that reads the queues. */
  readonly intake: lambda.Function;
  /** Queues to read. */
  readonly queues: readonly sqs.IQueue[];
}

const EVERY = Duration.hours(CONTAINER_SCALING.lookHours);

/** Invokes intake every few hours to read queues without pollers, so that their metrics, by which tasks start, never stop. */
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
      description: 'Invokes intake to read the queues of containers',
      schedule: events.Schedule.rate(EVERY),
      targets: [new LambdaFunction(intake, { event, maxEventAge: EVERY })],
    });
  }
}
